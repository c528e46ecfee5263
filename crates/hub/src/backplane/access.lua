#!lua name=feedbell_access

-- Who may use the hub. The first key is a hash: `token:…`, `ban:…` and `ticket:…`
-- are rows as JSON, `node:…` is the last change of each node that is in them, the
-- rest says which state this is. The second key is a stream of what changed in it,
-- in which each entry names the one before.

-- Entries of the stream, and how many milliseconds they are kept at least.
local MOST, KEPT = '10000', 600000

local function is_row(key)
  return key:find('^token:') or key:find('^ban:') or key:find('^ticket:')
end

-- Whether an update of a row is newer than the row.
local function is_newer(row, value)
  local read, old = pcall(cjson.decode, row)
  local valid, new = pcall(cjson.decode, value)
  if not (read and valid) then
    return true
  end
  if old.opened == 1 and new.opened ~= 1 then
    return false
  end
  for _, name in ipairs({'used', 'seen'}) do
    local before, after = tonumber(old[name]), tonumber(new[name])
    if before and (not after or after < before) then
      return false
    end
  end
  return true
end

-- Whether a ticket has not opened its stream yet.
local function is_closed(row)
  local read, ticket = pcall(cjson.decode, row)
  return read and ticket.opened ~= 1
end

local function may(kind, row, value)
  if kind == 'new' then
    return not row
  elseif not row then
    return false
  elseif kind == 'open' then
    return is_closed(row)
  elseif kind == 'update' then
    return is_newer(row, value)
  end
  return kind == 'gone' or kind == 'claim'
end

-- Writes what changed at a node: `generation node`, then `number mark kind key value`
-- of each change. What is not allowed any more leaves the row as it is, and the
-- stream tells how it is.
local function change(keys, args)
  local access, changes = keys[1], keys[2]
  local generation, number, last = unpack(redis.call('HMGET', access, 'generation', 'number', 'last'))
  if generation ~= args[1] then
    return {'generation'}
  end
  local node = args[2]
  local done = redis.call('HGET', access, 'node:' .. node)
  if done then
    local upto, mark = done:match('^(%d+) (%x+)$')
    if tonumber(upto) >= tonumber(args[3]) then
      return {'behind', upto, mark}
    end
  end
  local upto, mark = args[#args - 4], args[#args - 3]
  number = string.format('%.0f', tonumber(number) + 1)
  local entry = {number, 'after', last, 'node', node, 'upto', upto, 'mark', mark}
  local refused = {}
  for at = 3, #args, 5 do
    local kind, key, value = args[at + 2], args[at + 3], args[at + 4]
    local row = redis.call('HGET', access, key)
    if not may(kind, row, value) then
      refused[#refused + 1] = key
      kind, value = 'same', row or ''
    elseif kind == 'gone' then
      redis.call('HDEL', access, key)
      value = ''
    elseif kind == 'claim' then
      value = row
    else
      redis.call('HSET', access, key, value)
    end
    entry[#entry + 1] = 'row'
    entry[#entry + 1] = kind
    entry[#entry + 1] = key
    entry[#entry + 1] = value
  end
  local id = redis.call('XADD', changes, 'MAXLEN', '~', MOST, '*', 'number', unpack(entry))
  redis.call('HSET', access, 'number', number, 'last', id, 'node:' .. node, upto .. ' ' .. mark)
  local oldest = tonumber(id:match('^%d+')) - KEPT
  redis.call('XTRIM', changes, 'MINID', '~', string.format('%.0f', math.max(oldest, 0)))
  return {'done', refused}
end

-- Which state this is, for a node that says who it is.
local function state(keys, args)
  local known = redis.call('HMGET', keys[1], 'generation', 'number', 'last', 'family', 'base', 'node:' .. args[1])
  for at = 1, 6 do
    known[at] = known[at] or ''
  end
  return known
end

-- The same, and all rows.
local function rows(keys, args)
  local known = state(keys, args)
  local all = redis.call('HGETALL', keys[1])
  for at = 1, #all, 2 do
    if is_row(all[at]) then
      known[#known + 1] = all[at]
      known[#known + 1] = all[at + 1]
    end
  end
  return known
end

-- Begins a new generation with the rows of one node, if the state is still the
-- one that it knows: `generation last`, then `generation family base node upto mark`
-- of the new one, then `key value` of each row.
local function replace(keys, args)
  local access, changes = keys[1], keys[2]
  local generation, number, last = unpack(redis.call('HMGET', access, 'generation', 'number', 'last'))
  if (generation or '') ~= args[1] or (last or '') ~= args[2] then
    return {'other'}
  end
  local base = args[5]
  number = string.format('%.0f', math.max(tonumber(number or 0), tonumber(base)) + 1)
  redis.call('UNLINK', access)
  local id = redis.call('XADD', changes, 'MAXLEN', '~', MOST, '*', 'number', number, 'generation', args[3])
  redis.call('HSET', access, 'generation', args[3], 'family', args[4], 'base', base, 'number', number, 'last', id)
  if args[7] ~= '' then
    redis.call('HSET', access, 'node:' .. args[6], args[7] .. ' ' .. args[8])
  end
  for at = 9, #args, 2 do
    redis.call('HSET', access, args[at], args[at + 1])
  end
  return {'done', number, id}
end

-- Which of these functions there are. Each version does what the ones before did.
local function version()
  return 1
end

-- They are small, and what is forbidden must be so everywhere, also when no memory is left.
redis.register_function{function_name = 'feedbell_change', callback = change, flags = {'allow-oom'}}
redis.register_function{function_name = 'feedbell_access_replace', callback = replace, flags = {'allow-oom'}}
redis.register_function{function_name = 'feedbell_access_state', callback = state, flags = {'no-writes'}}
redis.register_function{function_name = 'feedbell_access_rows', callback = rows, flags = {'no-writes'}}
redis.register_function{function_name = 'feedbell_access_version', callback = version, flags = {'no-writes'}}
