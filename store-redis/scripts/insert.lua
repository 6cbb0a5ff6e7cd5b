-- Stores a new record, and its entry in the subject's index, if the fence holds. (A number in a call costs the server a
-- `printf`, so that what is always the same is text here, and in the other scripts of one login.)
--
-- KEYS  1 record · then index, if there is a subject · then epoch or parent, if there is a fence
-- ARGV  1 value · 2 its time to live in ms · 3 fence: none, epoch or parent · 4 the epoch
--       with a subject: 5 created at · 6 member · 7 time to live that the index must have left · 8 time to live
--       that it is given · 9 prefix of record keys
-- Answers how many records the subject has now, 0 for a record without one, -1 for a duplicate, -2 if it is fenced.

local fence = ARGV[3]
if fence == 'epoch' then
  if redis.call('GETRANGE', KEYS[#KEYS], '0', '15') ~= ARGV[4] then return -2 end
elseif fence == 'parent' then
  -- The byte at 9 is why it was ended: 0 while it lives, nothing at all when it is gone.
  if redis.call('GETRANGE', KEYS[#KEYS], '9', '9') ~= '\0' then return -2 end
end

if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return -1 end
local member = ARGV[6]
if not member then return 0 end

local indexed = redis.pcall('ZADD', KEYS[2], ARGV[5], member)
if type(indexed) == 'table' then
  -- No log-out would find it.
  redis.call('DEL', KEYS[1])
  return indexed
end
local entries = redis.call('ZCARD', KEYS[2])
-- It is given more than it must have, so that most inserts leave its time alone. One that came without a time, from a
-- tool that copies keys, stays so: how long its records live is not known.
local left = entries == 1 and 0 or redis.call('PTTL', KEYS[2])
if left >= 0 and left < tonumber(ARGV[7]) then redis.call('PEXPIRE', KEYS[2], ARGV[8]) end
-- Entries whose records are gone are looked for by one insert in four, eight at a time, from a random
-- place: the selector has the chance in it. So an index stays in proportion to what lives, and no clock
-- is asked. In a slot that moves an error says that a record may be elsewhere: its entry stays.
if entries > 8 and string.byte(member, 12) % 4 == 0 then
  local from = (string.byte(member, 14) * 256 + string.byte(member, 13)) % entries
  local some, records = redis.call('ZRANGE', KEYS[2], from, from + 7), {}
  for at, entry in ipairs(some) do records[at] = ARGV[9] .. string.sub(entry, 1, 14) end
  -- Mostly all are there, and one question tells.
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
