-- Announces what a script ends: the first part of delete.lua, of replace.lua, and of ending.lua.

-- Writes a note key and removes it, of which the server tells the feeds (src/feed.rs). Call it before the first write:
-- a slot that is moving takes no new key, and then nothing may be done. Returns that error, or nothing.
local function announce(note)
  -- Half a microsecond less than SET, whose answer is a table.
  local noted = redis.pcall('SETRANGE', note, '0', 'x')
  if type(noted) == 'number' then
    redis.call('DEL', note)
  elseif string.find(noted.err, 'non local key', 1, true) then
    return redis.error_reply('TRYAGAIN a slot that moves takes no note')
  else
    return noted
  end
end

