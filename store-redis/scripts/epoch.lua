-- The epoch of a subject; makes it if it is missing, and lets it live longer if it would end soon.
--
-- KEYS  1 epoch
-- ARGV  1 fresh epoch · 2 time to live in ms · 3 the least of it that must be left
-- Answers the epoch.

local epoch = redis.call('GET', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if not epoch then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return ARGV[1]
end
if left < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return epoch
