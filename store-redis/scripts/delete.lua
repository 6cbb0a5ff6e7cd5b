-- Removes a record and its entry in the index of its subject, which the record names.
--
-- KEYS  1 record
-- ARGV  1 prefix of index keys · 2 note key
-- Returns how many records it removed.

local function is_other(answer) return type(answer) == 'table' and string.sub(answer.err, 1, 9) == 'WRONGTYPE' end

-- A key that is not here may be on another node. A missing permission is a different error.
local function elsewhere(answer)
  if string.find(answer.err, "executing the script can't", 1, true) or string.find(answer.err, 'ACL failure', 1, true) then
    return answer
  end
  return redis.error_reply('TRYAGAIN the index is not here')
end

-- The longest part that can precede device and body.
local head = redis.pcall('GETRANGE', KEYS[1], '0', '383')
if is_other(head) then head = '' end
if type(head) == 'table' then return head end
if head == '' and redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local index, member
if #head >= 97 then
  local kind_end = 97 + string.byte(head, 92)
  local subject = string.sub(head, kind_end + 1, kind_end + string.byte(head, 93))
  if subject ~= '' then
    index = ARGV[1] .. subject
    -- The selector from the key, whatever a damaged row names.
    member = string.sub(KEYS[1], -14) .. string.sub(head, 63, 70) .. string.sub(head, 87, 87)
      .. string.sub(head, 98, kind_end)
    -- A moving slot refuses here, before anything is written.
    local entry = redis.pcall('ZSCORE', index, member)
    if is_other(entry) then
      index = nil
    elseif type(entry) == 'table' then
      return elsewhere(entry)
    end
  end
end

-- The purpose: a record that is used once (3) is in no cache.
if string.byte(head, 87) ~= 3 then
  local refused = announce(ARGV[2])
  if refused then return refused end
end
redis.call('DEL', KEYS[1])
if index then redis.call('ZREM', index, member) end
return 1
