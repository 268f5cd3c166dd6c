#!lua flags=allow-oom
-- ARGV: reason, delay in milliseconds, tries after which an item is given up, then receipts.
local reason, delay, max_tries = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
for i = 4, #ARGV do
  local seq = held(ARGV[i])
  if seq then
    local tries = redis.call('HINCRBY', item_key(seq), 'tries', 1)
    if tries >= max_tries then
      set_aside(seq, reason, true)
    else
      redis.call('HSET', item_key(seq), 'lent', 0)
      wait_for_loan(seq, delay)
      local source, batch = unpack(redis.call('HMGET', item_key(seq), 'source', 'batch'))
      count(source, batch, 'retried', 1)
    end
  end
end
write_counts()
