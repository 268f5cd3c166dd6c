#!lua flags=allow-oom
-- ARGV: author. Removes what is in the queue of this author, lent or not; returns how many.
local seqs = redis.call('SMEMBERS', author_key(ARGV[1]))
for _, seq in ipairs(seqs) do
  local source, batch = drop(seq)
  count(source, batch, 'erased', 1)
end
write_counts()
return #seqs
