-- Returns the epoch of a subject and when it expires. Creates it if it is missing, and prolongs it if it
-- expires too soon.
--
-- KEYS  1 epoch
-- ARGV  1 fresh epoch, 16 bytes · 2 when it expires, 8 bytes · 3 time to live in ms
--       4 the earliest instant at which it may expire, 8 bytes
-- Returns 24 bytes: the epoch, and when it expires.

local number = function(bytes) return struct.unpack('>I8', bytes) end

local value = redis.call('GET', KEYS[1])
if not value or #value ~= 24 then
  redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
  return ARGV[1] .. ARGV[2]
end
if number(string.sub(value, 17)) < number(ARGV[4]) then
  value = string.sub(value, 1, 16) .. ARGV[2]
  local ttl = math.max(redis.call('PTTL', KEYS[1]), tonumber(ARGV[3]))
  redis.call('SET', KEYS[1], value, 'PX', string.format('%.0f', ttl))
end
return value
