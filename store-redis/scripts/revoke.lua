-- Removes or marks the records of a subject that match, and advances its epoch if asked to.
--
-- KEYS  1 index · 2 epoch, if it advances
-- ARGV  1 prefix of record keys · 2 epoch · 3 its time to live in ms
--       4 remove or mark · 5 reason, a byte · 6 when, 8 bytes · 7 slack in ms
--       8 logins: any, only or except · 9 that login · 10 live at, or nothing · 11 how many logins to spare
--       12 kinds: any or only · 13… those kinds
-- Answers how many records it was done to.

local prefix, mark = ARGV[1], ARGV[4] == 'mark'
local number = function(bytes) return struct.unpack('>I8', bytes) end

local kinds = ARGV[12] == 'only' and {}
for at = 13, #ARGV do kinds[ARGV[at]] = true end

-- What never expires when idle has an idle expiry of all ones, which is after any instant.
local function live(head)
  local at = number(ARGV[10])
  return string.byte(head, 10) == 0 and at < number(string.sub(head, 35, 42)) and at < number(string.sub(head, 43, 50))
end

local function meant(head)
  local login = string.sub(head, 63, 70)
  local kind = string.sub(head, 93, 92 + (string.byte(head, 87) or 0))
  if kinds and not kinds[kind] then return false end
  if ARGV[8] == 'only' and login ~= ARGV[9] then return false end
  if ARGV[8] == 'except' and login == ARGV[9] then return false end
  if ARGV[10] ~= '' and not live(head) then return false end
  return true
end

-- First everything is read: when a slot moves, what is not here any more refuses before a first write.
local gone, doomed, spared, spare = {}, {}, {}, tonumber(ARGV[11])
for _, member in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local key = prefix .. member
  -- As far as the end of the longest kind.
  local head = redis.pcall('GETRANGE', key, 0, 123)
  if type(head) == 'table' then
    if string.sub(head.err, 1, 9) ~= 'WRONGTYPE' then return redis.error_reply('TRYAGAIN a record is not here') end
    head = 'no record'
  end
  if head == '' then
    gone[#gone + 1] = member
  elseif #head >= 92 and meant(head) then -- What is shorter is no record, and no token of it verifies.
    local login = string.sub(head, 63, 70)
    if not spared[login] and spare > 0 then
      spared[login] = true
      spare = spare - 1
    end
    local ended = string.byte(head, 10) ~= 0
    if not spared[login] and not (mark and ended) then
      doomed[#doomed + 1] = { key = key, member = member, head = head }
    end
  end
end

if KEYS[2] then redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
for _, record in ipairs(doomed) do
  if mark then
    -- As `Record::mark` does: revision, reason, updated at, idle at, purge at.
    local head, at = record.head, ARGV[6]
    local revision = math.min(number(string.sub(head, 2, 9)) + 1, 9007199254740991)
    local created, updated = string.sub(head, 11, 18), string.sub(head, 19, 26)
    local seen, expires = string.sub(head, 27, 34), string.sub(head, 35, 42)
    if number(updated) < number(at) then updated = at end
    local marked = string.sub(head, 1, 1) .. struct.pack('>I8', revision) .. ARGV[5]
      .. created .. updated .. seen .. expires .. string.rep('\255', 8) .. expires
    local ttl = math.max(number(expires) - number(updated), 0) + tonumber(ARGV[7])
    redis.call('SETRANGE', record.key, 0, marked)
    redis.call('PEXPIRE', record.key, string.format('%.0f', ttl))
  else
    redis.call('DEL', record.key)
    redis.call('ZREM', KEYS[1], record.member)
  end
end
for _, member in ipairs(gone) do redis.call('ZREM', KEYS[1], member) end
return #doomed
