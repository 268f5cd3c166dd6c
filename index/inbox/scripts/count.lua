#!lua flags=allow-oom
-- ARGV: token, source, batch, kind, n.
local ONCE = PREFIX .. 'once:' .. ARGV[1]
if redis.call('EXISTS', ONCE) == 1 then return end
count(ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]))
write_counts()
redis.call('SET', ONCE, 1, 'EX', ONCE_KEPT)
