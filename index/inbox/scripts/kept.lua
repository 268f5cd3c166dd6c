#!lua flags=no-writes
-- ARGV: source ("" for all), most entries, number to begin before ("" for the newest). Returns {number, fields}.
local key = ARGV[1] == '' and KEPT or PREFIX .. 'kept_of:' .. ARGV[1]
local from = ARGV[3] == '' and '+inf' or '(' .. ARGV[3]
local entries = {}
for _, number in ipairs(redis.call('ZREVRANGEBYSCORE', key, from, '-inf', 'LIMIT', 0, tonumber(ARGV[2]))) do
  table.insert(entries, {number, redis.call('HGETALL', KEPT .. ':' .. number)})
end
return entries
