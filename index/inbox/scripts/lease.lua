#!lua flags=allow-oom
-- ARGV: worker, most items, milliseconds, tries after which an item is given up, failed tries from which on an item
-- is lent alone, reason for giving up. Returns {end of the loan, {seq, loan, tries, received, batch, mention, raw}...}.
local worker, limit, lasts, max_tries, failed_often, lapsed = unpack(ARGV)
limit, lasts, max_tries, failed_often = tonumber(limit), tonumber(lasts), tonumber(max_tries), tonumber(failed_often)

-- Asked first, because claiming writes: an idle worker must not cost the server's disk a write at each look.
local function due_again()
  return redis.call('XPENDING', QUEUE, GROUP, 'IDLE', DUE, '-', '+', 1)[1] ~= nil
end

local function has_fresh()
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', QUEUE)) do
    for i = 1, #group, 2 do
      if group[i] == 'last-delivered-id' then
        return redis.call('XRANGE', QUEUE, '(' .. group[i + 1], '+', 'COUNT', 1)[1] ~= nil
      end
    end
  end
end

-- Consumers of workers that are gone; never one that still has something.
local function forget_consumers()
  for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', QUEUE, GROUP)) do
    local consumer = {}
    for i = 1, #row, 2 do consumer[row[i]] = row[i + 1] end
    if consumer.pending == 0 and consumer.idle > 3600000 then
      redis.call('XGROUP', 'DELCONSUMER', QUEUE, GROUP, consumer.name)
    end
  end
end

local loans, entries, looked_at, closed = {}, {}, 0, false

-- Look at one claimed item: lend it, give it up, or leave it for the next loan.
local function consider(seq)
  local item = redis.call('HMGET', item_key(seq), 'lent', 'tries', 'loan', 'source', 'batch', 'received')
  local was_lent, tries = tonumber(item[1]), tonumber(item[2]) + tonumber(item[1])
  local alone = tries >= failed_often
  if closed or looked_at >= limit or (alone and #loans > 0) then
    closed = true
    wait_for_loan(seq, 0)
    return
  end
  looked_at = looked_at + 1
  count(item[4], item[5], 'put_back', was_lent)
  if tries >= max_tries then
    set_aside(seq, lapsed, true)
    return
  end
  local loan = tonumber(item[3]) + 1
  redis.call('HSET', item_key(seq), 'lent', 1, 'loan', loan, 'tries', tries)
  local content = redis.call('HMGET', item_key(seq), 'mention', 'raw')
  table.insert(loans, {seq, loan, tries + 1, item[6], item[5], content[1], content[2]})
  table.insert(entries, entry(seq))
  closed = alone
end

if redis.call('EXISTS', QUEUE) == 0 then return {0} end
local again, fresh = due_again(), has_fresh()
if not (again or fresh) then
  forget_consumers()
  return {0}
end
local cursor = '-'
while again and cursor ~= '0-0' and not closed and looked_at < limit do
  local found = redis.call('XAUTOCLAIM', QUEUE, GROUP, worker, DUE, cursor, 'COUNT', limit, 'JUSTID')
  cursor = found[1]
  for _, id in ipairs(found[2]) do consider(seq_of(id)) end
end
if fresh and not closed and looked_at < limit then
  local got = redis.call('XREADGROUP', 'GROUP', GROUP, worker, 'COUNT', limit - looked_at, 'STREAMS', QUEUE, '>')
  for _, each in ipairs(got[1][2]) do consider(seq_of(each[1])) end
end
for first = 1, #entries, 1000 do   -- unpack has a limit
  local some = {unpack(entries, first, math.min(first + 999, #entries))}
  local words = {'XCLAIM', QUEUE, GROUP, worker, 0, unpack(some)}
  for _, word in ipairs({'IDLE', math.max(0, DUE - lasts), 'JUSTID'}) do table.insert(words, word) end
  redis.call(unpack(words))
end
write_counts()
return {now_ms() + lasts, unpack(loans)}
