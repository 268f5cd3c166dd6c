#!lua flags=no-writes
-- ARGV: batch, "" for all. Returns the counts as the hash holds them, and {worker, source, batch} of each loan that
-- has not run out: one picture of one moment.
local key = ARGV[1] == '' and ENDS or ENDS .. ':' .. ARGV[1]
local loans = {}

local function loans_of(worker)
  local from = '-'
  repeat
    local page = redis.call('XPENDING', QUEUE, GROUP, from, '+', 1000, worker)
    for _, each in ipairs(page) do
      from = '(' .. each[1]
      if each[3] < DUE then
        local source, batch = unpack(redis.call('HMGET', item_key(seq_of(each[1])), 'source', 'batch'))
        table.insert(loans, {worker, source, batch})
      end
    end
  until #page < 1000
end

if redis.call('EXISTS', QUEUE) == 1 then
  for _, row in ipairs(redis.call('XINFO', 'CONSUMERS', QUEUE, GROUP)) do
    local consumer = {}
    for i = 1, #row, 2 do consumer[row[i]] = row[i + 1] end
    if consumer.name ~= NOBODY and consumer.pending > 0 then loans_of(consumer.name) end
  end
end
return {redis.call('HGETALL', key), loans}
