-- Stores a new record, and its entry in the subject's index, if the fence holds.
--
-- KEYS  1 record · then index, if there is a subject · then epoch or parent, if there is a fence
-- ARGV  1 value · 2 its time to live in ms · 3 fence: none, epoch or parent · 4 the epoch
--       with a subject: 5 created at · 6 member (14 bytes of selector) · 7 time to live of the index · 8 prefix of record keys
-- Answers INSERTED, DUPLICATE or FENCED.

local fence = ARGV[3]
if fence == 'epoch' then
  if redis.call('GET', KEYS[#KEYS]) ~= ARGV[4] then return 'FENCED' end
elseif fence == 'parent' then
  -- The byte at 9 is why it was ended: 0 while it lives, nothing at all when it is gone.
  if redis.call('GETRANGE', KEYS[#KEYS], 9, 9) ~= '\0' then return 'FENCED' end
end

local member = ARGV[6]
local index_ttl = 0
local dead = {}
if member then
  index_ttl = redis.call('PTTL', KEYS[2])
  -- Entries whose records are gone are looked for by one insert in four, eight at a time, from a random
  -- place: the selector has the chance in it. So an index stays in proportion to what lives, and no clock
  -- is asked.
  local entries = string.byte(member, 12) % 4 == 0 and redis.call('ZCARD', KEYS[2]) or 0
  if entries >= 8 then
    local from = (string.byte(member, 14) * 256 + string.byte(member, 13)) % entries
    for _, entry in ipairs(redis.call('ZRANGE', KEYS[2], from, from + 7)) do
      if redis.pcall('EXISTS', ARGV[8] .. entry) == 0 then dead[#dead + 1] = entry end
    end
  end
end

if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 'DUPLICATE' end
if member then
  redis.call('ZADD', KEYS[2], ARGV[5], member)
  if index_ttl < tonumber(ARGV[7]) then redis.call('PEXPIRE', KEYS[2], ARGV[7]) end
  for _, entry in ipairs(dead) do
    if entry ~= member then redis.call('ZREM', KEYS[2], entry) end
  end
end
return 'INSERTED'
