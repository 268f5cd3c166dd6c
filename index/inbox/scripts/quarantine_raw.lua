#!lua
-- ARGV: token, limit in bytes, source, fingerprint, raw, reason, batch, place ("" for none).
local ONCE = PREFIX .. 'once:' .. ARGV[1]
if redis.call('EXISTS', ONCE) == 1 then return end
local refusal = full(ARGV[2])
if refusal then return refusal end
local source, fingerprint, raw, reason, batch, place = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8]
local new = keep(source, fingerprint, {
  'raw', raw, 'reason', reason, 'batch', batch, 'place', place, 'author', '', 'given_up', '0',
})
if new or batch ~= '' then count(source, batch, 'quarantined', 1) end
write_counts()
redis.call('SET', ONCE, 1, 'EX', ONCE_KEPT)
