#!lua flags=allow-oom
-- ARGV: numbers of quarantined entries. Removes them and returns {number, fields} of those that were there.
local entries = {}
for _, number in ipairs(ARGV) do
  local fields = redis.call('HGETALL', KEPT .. ':' .. number)
  if forget_kept(number) then table.insert(entries, {number, fields}) end
end
return entries
