-- Chooses and ends records of a subject: the first half of revoke.lua and of sweep.lua.
--
-- KEYS  1 index · 2 epoch, if it is to be set
-- ARGV  1 prefix of record keys · 2 remove or mark · 3 reason, a byte · 4 when, 8 bytes · 5 slack in ms
--       6 logins: any, only or except · 7 that login · 8 purposes, a byte each
--       9 epoch, 16 bytes · 10 when it expires, 8 bytes · 11 its time to live in ms
--       12 to 14 belong to the second half · 15 prefix of note keys · 16 kinds: any or only · 17… those kinds

local prefix, mark = ARGV[1], ARGV[2] == 'mark'
local number = function(bytes) return struct.unpack('>I8', bytes) end

local kinds = ARGV[16] == 'only' and {}
for at = 17, #ARGV do kinds[ARGV[at]] = true end

-- Decides by the member alone: selector, login, purpose and kind never change.
local function meant(member)
  if #member < 23 or not string.find(ARGV[8], string.sub(member, 23, 23), 1, true) then return false end
  if kinds and not kinds[string.sub(member, 24)] then return false end
  if ARGV[6] == 'any' then return true end
  return (ARGV[6] == 'only') == (string.sub(member, 15, 22) == ARGV[7])
end

local function key_of(member) return prefix .. string.sub(member, 1, 14) end

-- Returns what a member of the index stands for: nothing any more ('gone'), a record to end ('end'), or one
-- to leave ('leave'); or an error. Reads only: if a slot is moving, a key that is not here is refused, and
-- that must come before the first write.
local function look(member)
  -- A selector, a login, a purpose and a kind take at least 24 bytes.
  if #member < 24 then return 'error', { err = 'OLDLAYOUT an entry says too little' } end
  if not meant(member) then return 'leave' end
  local head = redis.pcall('GETRANGE', key_of(member), '0', '96')
  if type(head) == 'table' then
    if string.sub(head.err, 1, 9) == 'WRONGTYPE' then return 'leave' end
    -- A key that is not here may be on another node. A missing permission is a different error.
    local err = head.err
    if string.find(err, "executing the script can't", 1, true) or string.find(err, 'ACL failure', 1, true) then
      return 'error', head
    end
    return 'error', redis.error_reply('TRYAGAIN a record is not here')
  end
  if head == '' then return 'gone' end
  -- A shorter value is no record, and no token of it verifies.
  if #head < 97 or (mark and string.byte(head, 10) ~= 0) then return 'leave' end
  return 'end', head
end

-- Announces the records that this step ends. All of them are in one shard: if they are many, one note for the shard costs
-- less than a note for each. Call it before the first write; see announce.lua.
local function tell(doomed)
  local notes = {}
  for _, member in ipairs(doomed) do
    -- A record that is used once (3) is in no cache.
    if string.byte(member, 23) ~= 3 then notes[#notes + 1] = string.sub(member, 1, 14) end
  end
  if #notes > 16 then notes = { '' } end
  for _, note in ipairs(notes) do
    local refused = announce(ARGV[15] .. note)
    if refused then return refused end
  end
end

-- Sets the epoch. It is never kept for a shorter time than before.
local function set_epoch()
  local before, over = redis.call('GETRANGE', KEYS[2], 16, 23), ARGV[10]
  local ttl = tonumber(ARGV[11])
  if #before == 8 and number(before) > number(over) then over = before end
  ttl = math.max(redis.call('PTTL', KEYS[2]), ttl)
  redis.call('SET', KEYS[2], ARGV[9] .. over, 'PX', string.format('%.0f', ttl))
end

-- Does what `Record::mark` does: revision, reason, updated at, idle at, purge at.
local function mark_one(key, head)
  local at = ARGV[4]
  local revision = math.min(number(string.sub(head, 2, 9)) + 1, 9007199254740991)
  local created, updated = string.sub(head, 11, 18), string.sub(head, 19, 26)
  local seen, expires = string.sub(head, 27, 34), string.sub(head, 35, 42)
  if number(updated) < number(at) then updated = at end
  local marked = string.sub(head, 1, 1) .. struct.pack('>I8', revision) .. ARGV[3]
    .. created .. updated .. seen .. expires .. string.rep('\255', 8) .. expires
  -- An instant of a damaged row may exceed the largest time to live. It must not stop the script between its
  -- writes.
  local ttl = math.min(math.max(number(expires) - number(updated), 0), 253402300799999) + tonumber(ARGV[5])
  redis.call('SETRANGE', key, 0, marked)
  redis.call('PEXPIRE', key, string.format('%.0f', ttl))
end

-- Calls a command with any number of arguments, in portions that fit Lua's stack.
local function in_shares(command, key, arguments)
  for from = 1, #arguments, 500 do
    local to = math.min(from + 499, #arguments)
    if key then
      redis.call(command, key, unpack(arguments, from, to))
    else
      redis.call(command, unpack(arguments, from, to))
    end
  end
end

-- `whole`: these are all entries of the index, which is then removed too.
local function finish(doomed, heads, gone, whole)
  local keys, entries = {}, {}
  for at, member in ipairs(doomed) do
    if mark then mark_one(key_of(member), heads[at]) else keys[at] = key_of(member) end
  end
  if not mark then entries = doomed end
  if whole and not mark then
    keys[#keys + 1] = KEYS[1]
  else
    for _, member in ipairs(gone) do entries[#entries + 1] = member end
  end
  in_shares('DEL', nil, keys)
  if not (whole and not mark) then in_shares('ZREM', KEYS[1], entries) end
end
