#!lua
-- ARGV: token, limit in bytes, facts as JSON, then mention and raw of each item.
-- facts: {counts: [[source, batch, kind, n]], items: [{id, version, source, batch, author, has_raw}]}
-- No flag allow-oom: a Redis that is out of memory refuses this step whole, while the workers go on emptying it.
local ONCE = PREFIX .. 'once:' .. ARGV[1]
local answered = redis.call('GET', ONCE)
if answered then return tonumber(answered) end
local refusal = full(ARGV[2])
if refusal then return refusal end
local facts = cjson.decode(ARGV[3])

local function write(seq, item, at)
  local mention, raw = ARGV[at], ARGV[at + 1]
  redis.call('HSET', item_key(seq), 'id', item.id, 'version', string.format('%.0f', item.version), 'source',
    item.source, 'batch', item.batch, 'author', item.author, 'lent', 0, 'tries', 0, 'mention', mention)
  if item.has_raw then redis.call('HSET', item_key(seq), 'raw', raw) end
  redis.call('ZADD', versions_key(item.id), string.format('%.0f', item.version), seq)
  if item.author ~= '' then redis.call('SADD', author_key(item.author), seq) end
  grow('queue', #mention + (item.has_raw and #raw or 0) + AROUND)
  count(item.source, item.batch, 'queued', 1)
end

local function insert(item, at)
  local seq = redis.call('HINCRBY', SIZES, 'seq', 1)
  redis.call('HSET', item_key(seq), 'received', now_ms(), 'loan', 0)
  write(seq, item, at)
  redis.call('XADD', QUEUE, entry(seq), 'seq', seq)
end

-- The newer version takes the place in the queue; what was wrong with the older is forgotten.
local function replace(seq, item, at)
  local old = redis.call('HMGET', item_key(seq), 'source', 'batch', 'author')
  count(old[1], old[2], 'queued', -1)
  count(old[1], old[2], 'duplicate', 1)
  local mention, raw = redis.call('HSTRLEN', item_key(seq), 'mention'), redis.call('HSTRLEN', item_key(seq), 'raw')
  grow('queue', -(mention + raw + AROUND))
  redis.call('HDEL', item_key(seq), 'raw')
  if old[3] ~= '' then redis.call('SREM', author_key(old[3]), seq) end
  write(seq, item, at)
  wait_for_loan(seq, 0)   -- does nothing to an entry that was never lent
end

if redis.call('EXISTS', QUEUE) == 0 then redis.call('XGROUP', 'CREATE', QUEUE, GROUP, '0', 'MKSTREAM') end
for _, each in ipairs(facts.counts) do count(unpack(each)) end
local queued = 0
for number, item in ipairs(facts.items) do
  local at = 2 + 2 * number
  local newest = redis.call('ZREVRANGE', versions_key(item.id), 0, 0, 'WITHSCORES')
  if newest[1] and tonumber(newest[2]) >= item.version then
    count(item.source, item.batch, 'duplicate', 1)
  else
    queued = queued + 1
    if newest[1] and redis.call('HGET', item_key(newest[1]), 'lent') == '0' then
      replace(newest[1], item, at)
    else
      insert(item, at)
    end
  end
end
write_counts()
redis.call('SET', ONCE, queued, 'EX', ONCE_KEPT)
return queued
