-- What the scripts share; put after the first line of each. KEYS[1] is what all names begin with. A script is one step: Redis runs it whole or not at
-- all, and the server's clock is the only one, so machines need not agree about the time.
--
--   queue            stream, one entry an item, "SEQ-0"; SEQ is the order of arrival and never used again
--   item:SEQ         hash: id version source batch author received lent loan tries mention raw
--   versions:ID      sorted set: the SEQs of one mention by version (two while the older is lent)
--   author:ID        set: the SEQs of one author, for erasure
--   ends, ends:BATCH hash: SOURCE NUL KIND -> how often; kind "queued" is what is in the queue now
--   kept             sorted set: the quarantine's numbers;  kept_of:SOURCE  those of one source
--   kept:NUMBER      hash: source reason raw place at batch author mention given_up fingerprint
--   kept_as          hash: SOURCE NUL FINGERPRINT -> NUMBER
--   sizes            hash: seq and number given last, bytes of memory that queue and quarantine take
--   once:TOKEN       the answer to a call whose answer may get lost on the way
--
-- The consumer group holds who has what. An entry that waits for its next loan is pending at "nobody". The time
-- of delivery is set so that an entry is due again when it has been idle for DUE: at the end of the loan, at the
-- time of the retry, or at once. XAUTOCLAIM then finds the dead, the retries and what was put back, oldest first.
local PREFIX = KEYS[1]
local QUEUE, GROUP, NOBODY = PREFIX .. 'queue', 'workers', 'nobody'
local ENDS, SIZES, KEPT, KEPT_AS = PREFIX .. 'ends', PREFIX .. 'sizes', PREFIX .. 'kept', PREFIX .. 'kept_as'
local DUE = 86400000            -- milliseconds; no loan and no delay is longer than this day
local BATCH_KEPT = 30 * 86400   -- seconds that the counts of a batch outlive its last change
local ONCE_KEPT = 900           -- seconds in which a call may be repeated
local AROUND = 1400             -- bytes of memory that an item or a kept entry takes besides its content: measured

local function now_ms()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function item_key(seq) return PREFIX .. 'item:' .. seq end
local function versions_key(id) return PREFIX .. 'versions:' .. id end
local function author_key(id) return PREFIX .. 'author:' .. id end
local function entry(seq) return seq .. '-0' end
local function seq_of(entry_id) return string.match(entry_id, '^%d+') end

-- Counts are collected and written once, at the end of the step.
local counted = {}

local function count(source, batch, kind, n)
  local key = source .. '\0' .. batch .. '\0' .. kind
  local known = counted[key]
  if known then known[4] = known[4] + n else counted[key] = {source, batch, kind, n} end
end

local function write_counts()
  for _, each in pairs(counted) do
    local source, batch, kind, n = unpack(each)
    local field = source .. '\0' .. kind
    if n ~= 0 then
      redis.call('HINCRBY', ENDS, field, n)
      if batch ~= '' then
        redis.call('HINCRBY', ENDS .. ':' .. batch, field, n)
        redis.call('EXPIRE', ENDS .. ':' .. batch, BATCH_KEPT)
      end
    end
  end
end

local function grow(field, bytes) redis.call('HINCRBY', SIZES, field, bytes) end

-- Why nothing more may come in, or nil.
local function full(limit)
  local sizes = redis.call('HMGET', SIZES, 'queue', 'kept')
  local queue, kept = tonumber(sizes[1] or 0), tonumber(sizes[2] or 0)
  if queue + kept >= tonumber(limit) then
    return redis.error_reply('FULL ' .. queue .. ' ' .. kept)
  end
end

-- Pending at nobody, due again in `delay` milliseconds.
local function wait_for_loan(seq, delay)
  local idle = math.max(0, DUE - delay)
  redis.call('XCLAIM', QUEUE, GROUP, NOBODY, 0, entry(seq), 'IDLE', idle, 'JUSTID')
end

-- A receipt is "SEQ.LOAN". Each loan has a number of its own, so the late answer of a worker whose loan ended and
-- was lent again meets no loan and does nothing. Returns the SEQ, or nil.
local function held(receipt)
  local seq, loan = string.match(receipt, '^(%d+)%.(%d+)$')
  local item = redis.call('HMGET', item_key(seq), 'lent', 'loan')
  if item[1] == '1' and item[2] == loan then return seq end
end

local function drop(seq)
  local item = redis.call('HMGET', item_key(seq), 'id', 'source', 'batch', 'author')
  local id, source, batch, author = unpack(item)
  local mention, raw = redis.call('HSTRLEN', item_key(seq), 'mention'), redis.call('HSTRLEN', item_key(seq), 'raw')
  redis.call('XACK', QUEUE, GROUP, entry(seq))
  redis.call('XDEL', QUEUE, entry(seq))
  redis.call('DEL', item_key(seq))
  redis.call('ZREM', versions_key(id), seq)
  if author ~= '' then redis.call('SREM', author_key(author), seq) end
  grow('queue', -(mention + raw + AROUND))
  count(source, batch, 'queued', -1)
  return source, batch
end

local function forget_kept(number)
  local key = KEPT .. ':' .. number
  local source, fingerprint = unpack(redis.call('HMGET', key, 'source', 'fingerprint'))
  if not source then return false end
  grow('kept', -(redis.call('HSTRLEN', key, 'raw') + redis.call('HSTRLEN', key, 'mention') + AROUND))
  redis.call('DEL', key)
  redis.call('ZREM', KEPT, number)
  redis.call('ZREM', PREFIX .. 'kept_of:' .. source, number)
  redis.call('HDEL', KEPT_AS, source .. '\0' .. fingerprint)
  return true
end

-- Keep one entry; the same fingerprint of a source replaces the older one under a new number, so that a replay
-- that is taking the older one out does not take this one along. Returns whether it is new.
local function keep(source, fingerprint, fields)
  local known = redis.call('HGET', KEPT_AS, source .. '\0' .. fingerprint)
  if known then forget_kept(known) end
  local number = redis.call('HINCRBY', SIZES, 'number', 1)
  local key = KEPT .. ':' .. number
  redis.call('HSET', key, 'source', source, 'fingerprint', fingerprint, 'at', now_ms(), unpack(fields))
  redis.call('ZADD', KEPT, number, number)
  redis.call('ZADD', PREFIX .. 'kept_of:' .. source, number, number)
  redis.call('HSET', KEPT_AS, source .. '\0' .. fingerprint, number)
  grow('kept', redis.call('HSTRLEN', key, 'raw') + redis.call('HSTRLEN', key, 'mention') + AROUND)
  return not known
end

-- From the queue to the quarantine.
local function set_aside(seq, reason, given_up)
  local item = redis.call('HMGET', item_key(seq), 'id', 'batch', 'author', 'mention', 'raw', 'source')
  local id, batch, author, mention, raw, source = unpack(item)
  drop(seq)
  keep(source, 'mention ' .. id, {
    'reason', reason, 'batch', batch, 'author', author, 'mention', mention, 'raw', raw or mention,
    'given_up', given_up and '1' or '0',
  })
  count(source, batch, given_up and 'given_up' or 'quarantined', 1)
end
