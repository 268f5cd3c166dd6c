#!lua flags=allow-oom
-- ARGV: receipts. Costs no try and keeps the place.
for _, receipt in ipairs(ARGV) do
  local seq = held(receipt)
  if seq then
    redis.call('HSET', item_key(seq), 'lent', 0)
    wait_for_loan(seq, 0)
    local source, batch = unpack(redis.call('HMGET', item_key(seq), 'source', 'batch'))
    count(source, batch, 'put_back', 1)
  end
end
write_counts()
