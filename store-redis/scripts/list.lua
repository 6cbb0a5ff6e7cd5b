-- One page of the records of a subject, newest first. Writes nothing.
--
-- KEYS  1 index
-- ARGV  1 prefix of record keys · 2 limit · 3 created at that the page begins with, or +inf
--       4 only what comes after this selector there (14 bytes), or nothing · 5 kinds: any or only · 6… those kinds
-- Answers the records.

local limit, first, after = tonumber(ARGV[2]), ARGV[3], ARGV[4]
local kinds = ARGV[5] == 'only' and {}
for at = 6, #ARGV do kinds[ARGV[at]] = true end

-- Lua compares strings by locale; Redis orders members by bytes, and so does this.
local function before(left, right)
  for at = 1, 14 do
    local l, r = string.byte(left, at), string.byte(right, at)
    if l ~= r then return l < r end
  end
  return false
end

local function meant(value)
  return not kinds or kinds[string.sub(value, 93, 92 + (string.byte(value, 87) or 0))]
end

local page, offset, chunk = {}, 0, 256
while true do
  local entries = redis.call('ZREVRANGEBYSCORE', KEYS[1], first, '-inf', 'WITHSCORES', 'LIMIT', offset, chunk)
  for at = 1, #entries, 2 do
    local member = entries[at]
    if after == '' or tonumber(entries[at + 1]) < tonumber(first) or before(member, after) then
      local value = redis.pcall('GET', ARGV[1] .. member)
      if type(value) == 'table' then
        if string.sub(value.err, 1, 9) == 'WRONGTYPE' then return value end
        return redis.error_reply('TRYAGAIN a record is not here')
      end
      if value and meant(value) then page[#page + 1] = value end
      if #page == limit then return page end
    end
  end
  if #entries < 2 * chunk then return page end
  offset = offset + chunk
end
