#!lua flags=allow-oom
-- ARGV: the end ("saved", "duplicate", "erased"), then receipts.
for i = 2, #ARGV do
  local seq = held(ARGV[i])
  if seq then
    local source, batch = drop(seq)
    count(source, batch, ARGV[1], 1)
  end
end
write_counts()
