#!lua flags=allow-oom
-- ARGV: receipt, reason.
local seq = held(ARGV[1])
if seq then set_aside(seq, ARGV[2], false) end
write_counts()
