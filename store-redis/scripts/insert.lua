-- Stores a new record, and its entry in the subject's index, if the fence holds. (A number in a call costs
-- the server a `printf`, so constants are text here and in the other scripts that a login uses.)
--
-- KEYS  1 record · then index, if there is a subject · then epoch or parent, if there is a fence
-- ARGV  1 value · 2 its time to live in ms · 3 fence: none, epoch or parent · 4 the epoch
--       with a subject: 5 created at · 6 member · 7 time to live that the index needs · 8 time to live
--       that it gets · 9 prefix of record keys
-- Returns how many records the subject has now, 0 for a record without subject, -1 for a duplicate, -2 if fenced.

local fence = ARGV[3]
if fence == 'epoch' then
  if redis.call('GETRANGE', KEYS[#KEYS], '0', '15') ~= ARGV[4] then return -2 end
elseif fence == 'parent' then
  -- The byte at 9 is the reason why the record was ended: 0 while it lives, empty if it is gone.
  if redis.call('GETRANGE', KEYS[#KEYS], '9', '9') ~= '\0' then return -2 end
end

if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return -1 end
local member = ARGV[6]
if not member then return 0 end

local indexed = redis.pcall('ZADD', KEYS[2], ARGV[5], member)
if type(indexed) == 'table' then
  -- Without an entry, no log-out would find the record.
  redis.call('DEL', KEYS[1])
  return indexed
end
local entries = redis.call('ZCARD', KEYS[2])
-- The index gets more time than it needs, so that most inserts leave its time alone. An index without a time
-- to live, written by a tool that copies keys, stays so: how long its records live is not known.
local left = entries == 1 and 0 or redis.call('PTTL', KEYS[2])
if left >= 0 and left < tonumber(ARGV[7]) then redis.call('PEXPIRE', KEYS[2], ARGV[8]) end
-- One insert in four looks for entries whose records are gone, eight at a time, from a random place; the
-- random bits come from the selector. So the index stays in proportion to the records that live, and no clock
-- is used. In a moving slot an error means that a record may be elsewhere: its entry stays.
if entries > 8 and string.byte(member, 12) % 4 == 0 then
  local from = (string.byte(member, 14) * 256 + string.byte(member, 13)) % entries
  local some, records = redis.call('ZRANGE', KEYS[2], from, from + 7), {}
  for at, entry in ipairs(some) do records[at] = ARGV[9] .. string.sub(entry, 1, 14) end
  -- Usually all records exist, and one question is enough.
  if redis.pcall('EXISTS', unpack(records)) ~= #records then
    for at, entry in ipairs(some) do
      if redis.pcall('EXISTS', records[at]) == 0 then
        redis.call('ZREM', KEYS[2], entry)
        entries = entries - 1
      end
    end
  end
end
return entries
