-- Lists records of a subject, newest first. Writes nothing.
--
-- KEYS  1 index
-- ARGV  1 prefix of record keys · 2 the most records · 3 how many entries it reads
--       4 created at of the place after which it begins, or nothing
--       5 at that instant, only what comes after this member or after these 14 bytes of a selector; or nothing, for
--       all of that instant
--       6 purposes, a byte each · 7 kinds: any or only · 8… those kinds
-- Returns first the place where it stopped, score and member, or two empty strings if the page is complete; then
-- selector, score and value of each record. The value is nil if it is not a string.

local limit, look, first, after = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4], ARGV[5]
local purposes = {}
for at = 1, #ARGV[6] do purposes[string.byte(ARGV[6], at)] = true end
local kinds = ARGV[7] == 'only' and {}
for at = 8, #ARGV do kinds[ARGV[at]] = true end

-- Lua compares strings by locale. Redis orders members by bytes, and so does this function.
local function before(left, right)
  for at = 1, 14 do
    local l, r = string.byte(left, at), string.byte(right, at)
    if l ~= r then return l < r end
  end
  return false
end

-- A key that is not here may be on another node. A missing permission is a different error.
local function elsewhere(answer)
  if string.find(answer.err, "executing the script can't", 1, true) or string.find(answer.err, 'ACL failure', 1, true) then
    return answer
  end
  return redis.error_reply('TRYAGAIN a record is not here')
end

local function meant(member)
  if not purposes[string.byte(member, 23)] then return false end
  return not kinds or kinds[string.sub(member, 24)]
end

local from = 0
if first ~= '' then
  from = redis.call('ZCOUNT', KEYS[1], '(' .. first, '+inf')
  -- The entry itself may be gone: this searches for its place among those of that instant.
  local to = after == '' and from or redis.call('ZCOUNT', KEYS[1], first, '+inf')
  while from < to do
    local middle = math.floor((from + to) / 2)
    if before(redis.call('ZREVRANGE', KEYS[1], middle, middle)[1], after) then to = middle else from = middle + 1 end
  end
end
local entries = redis.call('ZREVRANGE', KEYS[1], from, from + look - 1, 'WITHSCORES')
local page, records = { '', '' }, 0
for at = 1, #entries, 2 do
  local member, score = entries[at], entries[at + 1]
  -- A selector, a login, a purpose and a kind take at least 24 bytes.
  if #member < 24 then return redis.error_reply('OLDLAYOUT an entry says too little') end
  if meant(member) then
    local selector = string.sub(member, 1, 14)
    local value = redis.pcall('GET', ARGV[1] .. selector)
    local other = type(value) == 'table'
    if other and string.sub(value.err, 1, 9) ~= 'WRONGTYPE' then
      return elsewhere(value)
    end
    if other or value then
      records = records + 1
      page[#page + 1] = selector
      page[#page + 1] = score
      page[#page + 1] = not other and value
    end
    if records == limit then return page end
  end
end
if #entries == 2 * look then page[1], page[2] = entries[#entries], entries[#entries - 1] end
return page
