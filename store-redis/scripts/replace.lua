-- Writes a record over the one that is there, if that has the expected revision and was not ended.
--
-- KEYS  1 record · 2 index, only if it has to live longer
-- ARGV  1 value · 2 its time to live in ms · 3 the expected revision, 8 bytes
--       4 time to live that the index must have left · 5 time to live that it is given
-- Answers REPLACED, CONFLICT or MISSING. The very bytes that are there already were written by this same
-- call: every write carries an id of its own. This store sends once, but a proxy in between may not.

local head = redis.call('GETRANGE', KEYS[1], '0', '9')
-- Something that is no record is in the way of one, and is not missing.
if head == '' and redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end
if string.sub(head, 2, 9) ~= ARGV[3] then
  return redis.call('GET', KEYS[1]) == ARGV[1] and 'REPLACED' or 'CONFLICT'
end
if string.sub(head, 10, 10) ~= '\0' then return 'CONFLICT' end
local left = KEYS[2] and redis.call('PTTL', KEYS[2]) or -1
local longer = left >= 0 and left < tonumber(ARGV[4])

redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if longer then redis.call('PEXPIRE', KEYS[2], ARGV[5]) end
return 'REPLACED'
