-- Removes a record together with its entry in the index of its subject, which the record names.
--
-- KEYS  1 record
-- ARGV  1 prefix of index keys
-- Answers how many records it removed.

-- As much as there can be in front of device and body.
local head = redis.call('GETRANGE', KEYS[1], 0, 383)
if head == '' then return redis.call('DEL', KEYS[1]) end
local index, member
if #head >= 97 then
  local kind_end = 97 + string.byte(head, 92)
  local subject = string.sub(head, kind_end + 1, kind_end + string.byte(head, 93))
  if subject ~= '' then
    index = ARGV[1] .. subject
    member = string.sub(head, 73, 86) .. string.sub(head, 63, 70) .. string.sub(head, 87, 87)
      .. string.sub(head, 98, kind_end)
    -- A slot that moves refuses here, before anything is written.
    if type(redis.pcall('EXISTS', index)) == 'table' then
      return redis.error_reply('TRYAGAIN the index is not here')
    end
  end
end

redis.call('DEL', KEYS[1])
if index then redis.call('ZREM', index, member) end
return 1
