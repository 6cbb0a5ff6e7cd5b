-- Replaces a record, if the stored one has the expected revision and was not ended.
--
-- KEYS  1 record · 2 index, only if it must live longer
-- ARGV  1 value · 2 its time to live in ms · 3 the expected revision, 8 bytes
--       4 time to live that the index needs · 5 time to live that it gets · 6 note key, if this ends the record
-- Returns REPLACED, CONFLICT or MISSING. If the same bytes are already stored, this same call wrote them, because
-- every write carries an id of its own. This store sends a call once, but a proxy in between may repeat it.

local head = redis.call('GETRANGE', KEYS[1], '0', '9')
-- A value that is not a record is in the way, and is not missing.
if head == '' and redis.call('EXISTS', KEYS[1]) == 0 then return 'MISSING' end
if string.sub(head, 2, 9) ~= ARGV[3] then
  return redis.call('GET', KEYS[1]) == ARGV[1] and 'REPLACED' or 'CONFLICT'
end
if string.sub(head, 10, 10) ~= '\0' then return 'CONFLICT' end
local left = KEYS[2] and redis.call('PTTL', KEYS[2]) or -1
local longer = left >= 0 and left < tonumber(ARGV[4])

if ARGV[6] then
  local refused = announce(ARGV[6])
  if refused then return refused end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
if longer then redis.call('PEXPIRE', KEYS[2], ARGV[5]) end
return 'REPLACED'
