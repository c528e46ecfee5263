#!lua name=feedbell
-- The log that several nodes share. Every function has one key, the log's own
-- name `{prefix}:log`; the other keys have the same prefix and lie in its slot.
--
--   {prefix}:log        stream; an entry's id is its number in the hub, so the
--                       stream's order is the hub's
--   {prefix}:hub        hash: epoch, base, head, floor, micros, total, …; lineage,
--                       which tells this hub from others through all its epochs
--   {prefix}:ids        zset: what was published under an id, by its number
--   {prefix}:due        zset: what is scheduled, by the time when it is due
--   {prefix}:scheduled  hash: the same, what it is
--   {prefix}:sequences  hash: which of it has this sequence and audience
--   {prefix}:nodes      zset: when a node was last here, in microseconds
--   {prefix}:members    hash: what it said then
--   {prefix}:processes  hash: the last two processes that said to be it
--   {prefix}:orders:N   list: what node N is asked to do
--   {prefix}:presence:N hash: who listens at node N
--
-- An entry has `h`, lines of what is needed of it: epoch, time in microseconds,
-- end of life in milliseconds, bytes so far, flags, retry, event, message, key;
-- `a`, whom it is for; and `d`, its data, or `j`, the document of an outside
-- program in which those are.
--
-- Times are the engine's. No two entries of an epoch have the same one, so that a
-- place in the log is known by number and time.

local MOST_SCHEDULED = 100000
local MOST_SCHEDULED_BYTES = 128 * 1024 * 1024
local MOST_DATA = 1024 * 1024
local MOST_ADDRESSED = 1000
-- Most that is moved or taken away in one call: others wait for it.
local MOST_MOVED = 256
local MOST_MOVED_BYTES = 8 * 1024 * 1024
local MOST_TRIMMED = 50000
-- How long a node that says nothing is taken for alive, in microseconds.
local ALIVE = 10 * 1000000
-- Whoever was here so shortly before the engine stopped may know more than it.
local RECENT = 3 * 1000000
-- So long after a node that knew nothing began a log, one that knew the hub before
-- may come and say that it was emptied.
local YOUNG = 30 * 1000000
-- How long an import that does not go on keeps others away.
local STUCK = 60 * 1000000

-- Not kept by the engine: after its restart, or at a replica that was promoted,
-- nobody has vouched for what it remembers. By the name of the log.
local vouched = {}

local function now_micros()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- As an integer, where one has room for it: that is much sooner written.
local format

local function whole(number)
  if not format then
    format = string.format('%d', 4503599627370496) == '4503599627370496' and '%d' or '%.0f'
  end
  return string.format(format, number)
end

local function key(log, name)
  return string.sub(log, 1, -4) .. name
end

local FIELDS = { 'epoch', 'base', 'head', 'floor', 'micros', 'total', 'entry', 'held', 'seen', 'born', 'begun', 'importing', 'term', 'lineage' }
local NUMBERS = 11

-- What is written down of the hub; nil when there is none.
local function read_hub(log)
  local found = redis.call('HMGET', key(log, 'hub'), unpack(FIELDS))
  if not found[1] then return nil end
  local hub = { epoch = found[1], importing = found[12], term = found[13], lineage = found[14] or '' }
  for nth = 2, NUMBERS do
    hub[FIELDS[nth]] = tonumber(found[nth] or 0)
  end
  return hub
end

local function write_hub(log, hub)
  redis.call('HSET', key(log, 'hub'),
    'head', whole(hub.head), 'floor', whole(hub.floor), 'micros', whole(hub.micros),
    'total', whole(hub.total), 'entry', whole(hub.entry), 'held', whole(hub.held))
end

-- Sets what is known of an entry aside from its number.
local function lines_of(entry)
  local fields = entry[2]
  local head
  for nth = 1, #fields, 2 do
    if fields[nth] == 'h' then head = fields[nth + 1] end
  end
  local lines = {}
  for line in string.gmatch((head or '') .. '\n', '([^\n]*)\n') do
    lines[#lines + 1] = line
    if #lines == 4 then break end
  end
  return { epoch = lines[1], micros = tonumber(lines[2]) or 0, total = tonumber(lines[4]) or 0 }
end

local function entry_at(log, seq)
  local id = whole(seq) .. '-0'
  local found = redis.call('XRANGE', log, id, id)
  return found[1] and lines_of(found[1])
end

-- The one there, or the next one: a history that was imported has holes.
local function entry_from(log, seq)
  local found = redis.call('XRANGE', log, whole(seq) .. '-0', '+', 'COUNT', 1)
  return found[1] and lines_of(found[1])
end

-- From now on it takes publications. What was written down of that goes to the
-- replicas: where one was a primary before, it finds another mark than its own.
local function open_up(log, hub, now)
  hub.term = whole(now)
  redis.call('HSET', key(log, 'hub'), 'term', hub.term)
  vouched[log] = { done = true, term = hub.term }
end

local function is_open(log, hub)
  local round = vouched[log]
  return round ~= nil and round.done and round.term == hub.term
end

-- A new log: no number of an older one comes again in it.
local function renew(log, epoch, known, now, lineage)
  local base = math.max(math.floor(now / 1000), known + 1)
  local old = read_hub(log)
  redis.call('DEL', log)
  -- What is scheduled is still to come, under its id.
  redis.call('ZREMRANGEBYSCORE', key(log, 'ids'), '-inf', '(+inf')
  local hub = {
    epoch = epoch, base = base, head = base, floor = base, micros = now, total = 0,
    entry = old and old.entry or 0, held = old and old.held or 0, seen = now,
    lineage = lineage or old.lineage, born = 0, begun = now,
  }
  redis.call('HSET', key(log, 'hub'), 'epoch', epoch, 'base', whole(base), 'seen', whole(now),
    'lineage', hub.lineage, 'born', '0', 'begun', whole(now))
  redis.call('HDEL', key(log, 'hub'), 'importing')
  write_hub(log, hub)
  open_up(log, hub, now)
  return hub
end

local function id_member(id, audience)
  if audience == '*' then return 'k:' .. id end
  return 'k:' .. id .. '\n' .. redis.sha1hex(audience)
end

-- A publication is an array, as nodes send it.
local DUE, TTL, FLAGS, RETRY, EVENT, MESSAGE, KEY, SEQUENCE, AUDIENCE, DATA, DOCUMENT =
  1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
local WIDTH = 10

local function store(log, hub, one, now)
  hub.head = hub.head + 1
  hub.micros = math.max(hub.micros + 1, now)
  hub.total = hub.total + #one[DATA] + #one[AUDIENCE]
  local expires = ''
  if one[TTL] ~= '' then expires = whole(math.floor(now / 1000) + tonumber(one[TTL])) end
  local head = hub.epoch .. '\n' .. whole(hub.micros) .. '\n' .. expires .. '\n' .. whole(hub.total)
    .. '\n' .. one[FLAGS] .. '\n' .. one[RETRY] .. '\n' .. one[EVENT] .. '\n' .. one[MESSAGE]
    .. '\n' .. one[KEY]
  local number = whole(hub.head)
  redis.call('XADD', log, number .. '-0', 'h', head, 'a', one[AUDIENCE],
    one[DOCUMENT] and 'j' or 'd', one[DATA])
  if one[KEY] ~= '' then
    redis.call('ZADD', key(log, 'ids'), number, id_member(one[KEY], one[AUDIENCE]))
  end
  if one[MESSAGE] ~= '' then
    redis.call('ZADD', key(log, 'ids'), number, 'm:' .. one[MESSAGE])
  end
  return hub.head
end

local function sequence_of(one)
  if one[SEQUENCE] ~= '' then return one[SEQUENCE] end
  return one[MESSAGE]
end

-- Takes something out of what is scheduled.
local function unschedule(log, hub, entry, one)
  redis.call('ZREM', key(log, 'due'), entry)
  redis.call('HDEL', key(log, 'scheduled'), entry)
  local sequence = sequence_of(one)
  if sequence ~= '' then
    redis.call('HDEL', key(log, 'sequences'), sequence .. '\n' .. one[AUDIENCE])
  end
  hub.held = hub.held - #one[DATA] - #one[AUDIENCE]
end

local function cancel(log, hub, audience, sequence)
  local name = sequence .. '\n' .. audience
  local entry = redis.call('HGET', key(log, 'sequences'), name)
  if not entry then return 0 end
  local packed = redis.call('HGET', key(log, 'scheduled'), entry)
  if not packed then
    redis.call('HDEL', key(log, 'sequences'), name)
    return 0
  end
  local one = cmsgpack.unpack(packed)
  unschedule(log, hub, entry, one)
  local ids = key(log, 'ids')
  if one[KEY] ~= '' then redis.call('ZREM', ids, id_member(one[KEY], one[AUDIENCE])) end
  if one[MESSAGE] ~= '' then redis.call('ZREM', ids, 'm:' .. one[MESSAGE]) end
  return 1
end

local function schedule(log, hub, one)
  hub.entry = hub.entry + 1
  hub.held = hub.held + #one[DATA] + #one[AUDIENCE]
  local entry = string.format('%016.0f', hub.entry)
  redis.call('ZADD', key(log, 'due'), one[DUE], entry)
  redis.call('HSET', key(log, 'scheduled'), entry, cmsgpack.pack(one))
  local sequence = sequence_of(one)
  if sequence ~= '' then
    redis.call('HSET', key(log, 'sequences'), sequence .. '\n' .. one[AUDIENCE], entry)
  end
  -- Without a number it goes with none of them.
  local ids = key(log, 'ids')
  if one[KEY] ~= '' then redis.call('ZADD', ids, '+inf', id_member(one[KEY], one[AUDIENCE])) end
  if one[MESSAGE] ~= '' then redis.call('ZADD', ids, '+inf', 'm:' .. one[MESSAGE]) end
end

-- Puts into the log what is due; the order is that of the times.
local function move_due(log, hub, now)
  if hub.held <= 0 and redis.call('EXISTS', key(log, 'due')) == 0 then return end
  local millis = whole(math.floor(now / 1000))
  local due = redis.call('ZRANGEBYSCORE', key(log, 'due'), '-inf', millis, 'LIMIT', 0, MOST_MOVED)
  local bytes = 0
  for _, entry in ipairs(due) do
    if bytes > MOST_MOVED_BYTES then break end
    local packed = redis.call('HGET', key(log, 'scheduled'), entry)
    if packed then
      local one = cmsgpack.unpack(packed)
      bytes = bytes + #one[DATA]
      unschedule(log, hub, entry, one)
      store(log, hub, one, now)
    else
      redis.call('ZREM', key(log, 'due'), entry)
    end
  end
end

local function next_due(log)
  local first = redis.call('ZRANGE', key(log, 'due'), 0, 0, 'WITHSCORES')
  return first[2] or ''
end

-- The number that it has; 0 for what is scheduled.
local function take(log, hub, one, now)
  local known = one[KEY] ~= ''
    and redis.call('ZSCORE', key(log, 'ids'), id_member(one[KEY], one[AUDIENCE]))
  known = known or (one[MESSAGE] ~= ''
    and redis.call('ZSCORE', key(log, 'ids'), 'm:' .. one[MESSAGE]))
  if known then
    if known == 'inf' then return 0, true end
    return tonumber(known), true
  end
  local sequence = sequence_of(one)
  if sequence ~= '' then cancel(log, hub, one[AUDIENCE], sequence) end
  if one[DUE] ~= '' and tonumber(one[DUE]) > math.floor(now / 1000) then
    schedule(log, hub, one)
    return 0, false
  end
  return store(log, hub, one, now), false
end

-- The hub, if it takes something now; otherwise why not.
local function open(log, epoch, deadline, now)
  local hub = read_hub(log)
  if not hub then return nil, 'wait' end
  if hub.importing then return nil, 'importing' end
  if not is_open(log, hub) then return nil, 'wait' end
  if epoch and hub.epoch ~= epoch then return nil, 'epoch' end
  if deadline > 0 and now > deadline then return nil, 'late' end
  return hub
end

-- append: EPOCH DEADLINE JOBS {COUNT {publication}…}…
-- Says {'ok', next due, number and time of the newest entry, and for each job {how
-- many were known, number…} or 'full'}.
local function append(keys, args)
  local log, now = keys[1], now_micros()
  local hub, why = open(log, args[1], tonumber(args[2]), now)
  if not hub then return { why } end
  local had = hub.held > 0
  if had then move_due(log, hub, now) end
  local place, answers = 4, {}
  for _ = 1, tonumber(args[3]) do
    local first = place + 1
    local last = first + tonumber(args[place]) * WIDTH - 1
    local later, bytes = 0, 0
    for at = first, last, WIDTH do
      local due = args[at]
      if due ~= '' and tonumber(due) > math.floor(now / 1000) then
        later = later + 1
        bytes = bytes + #args[at + DATA - 1] + #args[at + AUDIENCE - 1]
      end
    end
    place = last + 1
    local full = later > 0 and (
      redis.call('ZCARD', key(log, 'due')) + later > MOST_SCHEDULED
      or hub.held + bytes > MOST_SCHEDULED_BYTES)
    if full then
      answers[#answers + 1] = 'full'
    else
      local numbers = { 0 }
      for at = first, last, WIDTH do
        local number, known = take(log, hub, { unpack(args, at, at + WIDTH - 1) }, now)
        numbers[#numbers + 1] = number
        if known then numbers[1] = numbers[1] + 1 end
      end
      answers[#answers + 1] = numbers
    end
  end
  if hub.held > 0 or had then
    write_hub(log, hub)
    return { 'ok', next_due(log), whole(hub.head), whole(hub.micros), unpack(answers) }
  end
  -- Nothing is scheduled, nor was: the rest of what is written down is as it was.
  redis.call('HSET', key(log, 'hub'),
    'head', whole(hub.head), 'micros', whole(hub.micros), 'total', whole(hub.total))
  return { 'ok', '', whole(hub.head), whole(hub.micros), unpack(answers) }
end

-- cancel: EPOCH DEADLINE AUDIENCE SEQUENCE
local function take_back(keys, args)
  local log, now = keys[1], now_micros()
  local hub, why = open(log, args[1], tonumber(args[2]), now)
  if not hub then return { why } end
  local count = cancel(log, hub, args[3], args[4])
  write_hub(log, hub)
  return { 'ok', count }
end

-- scheduled: DUE ENTRY COUNT. What is scheduled after that, the next first.
local function scheduled(keys, args)
  local log, rows = keys[1], {}
  local due = redis.call('ZRANGEBYSCORE', key(log, 'due'), args[1], '+inf', 'WITHSCORES',
    'LIMIT', 0, tonumber(args[3]) + 1000)
  for nth = 1, #due, 2 do
    local entry, at = due[nth], due[nth + 1]
    if #rows == tonumber(args[3]) then break end
    if tonumber(at) > tonumber(args[1]) or entry > args[2] then
      local packed = redis.call('HGET', key(log, 'scheduled'), entry)
      if packed then
        local one = cmsgpack.unpack(packed)
        rows[#rows + 1] = { at, entry, unpack(one, 1, WIDTH) }
      end
    end
  end
  return rows
end

-- Whether what a node knows is what is written here.
local function agrees(log, hub, node)
  if node.known > hub.head then return false end
  if node.epoch ~= hub.epoch or node.known <= hub.floor then return true end
  local entry = entry_at(log, node.known)
  return entry ~= nil and entry.micros == node.micros
end

-- Who was here shortly before this engine was last written to.
local function recent(log, hub)
  local wanted = {}
  for _, node in ipairs(redis.call('ZRANGEBYSCORE', key(log, 'nodes'), whole(hub.seen - RECENT), '+inf')) do
    wanted[node] = true
  end
  return wanted
end

local function vouch(log, hub, node, now)
  if is_open(log, hub) then return end
  local round = vouched[log]
  if not round or round.done then
    round = { began = now, wanted = recent(log, hub) }
    vouched[log] = round
  end
  -- The engine's clock was set back.
  if now < round.began then round.began = now end
  round.wanted[node.id] = nil
  if next(round.wanted) == nil then open_up(log, hub, now) end
  return round
end

-- Gives up what is beyond every limit of all nodes. Who lags is waited for, until
-- the log is twice as long.
local function trim(log, hub, now)
  local events, age, bytes, applied = 0, 0, 0, hub.head
  for _, text in ipairs(redis.call('HVALS', key(log, 'members'))) do
    local numbers = {}
    for number in string.gmatch(text, '%S+') do numbers[#numbers + 1] = tonumber(number) or 0 end
    applied = math.min(applied, numbers[1])
    events, age, bytes = math.max(events, numbers[2]), math.max(age, numbers[3]), math.max(bytes, numbers[4])
  end
  if events == 0 then return end
  local function is_over(seq, times)
    if hub.head - seq >= events * times then return true end
    local entry = entry_from(log, seq)
    if not entry then return false end
    return now - entry.micros > age * 1000 * times or hub.total - entry.total > bytes * times
  end
  local function last_over(from, to, times)
    -- The older the sooner: all before one that is over are.
    local low, high = from, to + 1
    while high - low > 1 do
      local middle = math.floor((low + high) / 2)
      if is_over(middle, times) then low = middle else high = middle end
    end
    return low
  end
  local first = redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
  if not first then return end
  local start = tonumber(string.match(first[1], '^(%d+)'))
  if not is_over(start, 1) then return end
  local wanted = last_over(start, hub.head, 1)
  local floor = math.min(wanted, applied)
  if floor < wanted then floor = math.max(floor, last_over(start - 1, hub.head, 2)) end
  floor = math.min(floor, start + MOST_TRIMMED)
  if floor <= hub.floor then return end
  hub.floor = floor
  redis.call('XTRIM', log, 'MINID', whole(floor + 1) .. '-0')
  redis.call('ZREMRANGEBYSCORE', key(log, 'ids'), '-inf', whole(floor))
end

local function remove(log, node)
  redis.call('ZREM', key(log, 'nodes'), node)
  redis.call('HDEL', key(log, 'members'), node)
  redis.call('HDEL', key(log, 'processes'), node)
  redis.call('DEL', key(log, 'presence:' .. node), key(log, 'orders:' .. node))
end

-- Forgets nodes that said nothing for a while.
local function bury(log, now)
  local function forget(from, to)
    for _, node in ipairs(redis.call('ZRANGEBYSCORE', key(log, 'nodes'), from, to)) do
      remove(log, node)
    end
  end
  forget('-inf', whole(now - ALIVE))
  -- Said before the engine's clock was set back.
  forget(whole(now + ALIVE), '+inf')
end

-- Whether two processes say in turns to be this node, as where its folder was copied.
local function is_twin(log, node)
  if node.process == '' then return false end
  local processes = key(log, 'processes')
  local last, before = string.match(redis.call('HGET', processes, node.id) or '', '^(%x*) ?(%x*)$')
  if last == node.process then return false end
  if before == node.process then return true end
  redis.call('HSET', processes, node.id, node.process .. ' ' .. (last or ''))
  return false
end

-- Which number the stream goes up to, whoever has put what is there.
local function top_of(log, hub)
  local top = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if not top then return hub.head end
  local seq, part = string.match(top[1], '^(%d+)-(%d+)$')
  return tonumber(seq) + math.min(tonumber(part), 1)
end

-- tick: NODE EPOCH BASE KNOWN APPLIED MICROS EVENTS AGE BYTES SUBSCRIBERS PROPOSAL
-- LINEAGE PROCESS, where MICROS is the time of the newest entry that it knows of.
-- Says {state, epoch, base, head, floor, time, next due, why there is a new epoch,
-- {order…}, {node, applied, subscribers…}, rows of its presence, lineage}.
local function tick(keys, args)
  local log, now = keys[1], now_micros()
  local node = {
    id = args[1], epoch = args[2], base = tonumber(args[3]), known = tonumber(args[4]),
    applied = tonumber(args[5]), micros = tonumber(args[6]),
    lineage = args[12] or '', process = args[13] or '',
  }
  local function alone(state)
    return { state, '', '0', '0', '0', whole(now), '', '', {}, {}, 0, '' }
  end
  local proposal, why = args[11], ''
  local hub = read_hub(log)
  if is_twin(log, node) then return alone('twin') end
  if hub and hub.importing then return alone('importing') end
  local is_other = hub and node.lineage ~= '' and node.lineage ~= hub.lineage
  if is_other and now - hub.born > YOUNG then return alone('foreign') end
  if not hub or is_other then
    -- Said only to who has been here before.
    if node.epoch ~= '' then why = 'empty' end
    local lineage = node.lineage
    if lineage == '' then lineage = string.sub(redis.sha1hex(proposal .. whole(now)), 1, 15) end
    hub = renew(log, proposal, math.max(node.known, hub and hub.head or 0), now, lineage)
    if node.lineage == '' then redis.call('HSET', key(log, 'hub'), 'born', whole(now)) end
  elseif top_of(log, hub) > hub.head then
    why = 'mixed'
    hub = renew(log, proposal, math.max(node.known, top_of(log, hub)), now)
  elseif node.epoch ~= '' and node.epoch ~= hub.epoch and node.base > hub.base then
    why = 'older'
    hub = renew(log, proposal, math.max(node.known, hub.head), now)
  elseif node.epoch ~= '' and node.epoch ~= hub.epoch and node.known > hub.base then
    -- Only of an epoch that others have just begun: a log that goes on is not given
    -- up for a folder of whatever origin.
    if now - hub.begun > YOUNG then return alone('foreign') end
    why = 'overtaken'
    hub = renew(log, proposal, math.max(node.known, hub.head), now)
  elseif not agrees(log, hub, node) then
    why = 'older'
    hub = renew(log, proposal, math.max(node.known, hub.head), now)
  end
  local round = vouch(log, hub, node, now)
  if round and not is_open(log, hub) and now - round.began > ALIVE then
    why = 'missing'
    hub = renew(log, proposal, math.max(node.known, hub.head), now)
  end
  local takes = is_open(log, hub)
  redis.call('ZADD', key(log, 'nodes'), whole(now), node.id)
  redis.call('HSET', key(log, 'members'), node.id,
    table.concat({ whole(node.applied), args[7], args[8], args[9], args[10] }, ' '))
  if takes then
    redis.call('HSET', key(log, 'hub'), 'seen', whole(now))
    bury(log, now)
    move_due(log, hub, now)
    trim(log, hub, now)
    write_hub(log, hub)
  end
  local orders = redis.call('LRANGE', key(log, 'orders:' .. node.id), 0, -1)
  if #orders > 0 then redis.call('DEL', key(log, 'orders:' .. node.id)) end
  local nodes = {}
  local members = redis.call('HGETALL', key(log, 'members'))
  for nth = 1, #members, 2 do
    local applied, subscribers = string.match(members[nth + 1], '^(%S+) .- (%S+)$')
    nodes[#nodes + 1] = members[nth]
    nodes[#nodes + 1] = applied
    nodes[#nodes + 1] = subscribers
  end
  return {
    takes and 'ok' or 'wait', hub.epoch, whole(hub.base), whole(hub.head), whole(hub.floor),
    whole(now), next_due(log), why, orders, nodes, redis.call('HLEN', key(log, 'presence:' .. node.id)),
    hub.lineage,
  }
end

-- leave: NODE. It goes with all it knows told: nobody waits for it.
local function leave(keys, args)
  remove(keys[1], args[1])
  return 'ok'
end

-- import: STEP …: the history of a node that was alone becomes that of all.
--   begin NODE EPOCH LINEAGE   only where there is no log; 'done' where it is this one
--   event NODE {SEQ MICROS EXPIRES publication}…
--   later NODE {publication}…
--   end NODE HEAD FLOOR
local function import(keys, args)
  local log, step, node, now = keys[1], args[1], args[2], now_micros()
  local hub = read_hub(log)
  if step == 'begin' then
    if hub and not hub.importing and hub.epoch == args[3] then
      local newest = entry_at(log, hub.head)
      return { 'done', newest and whole(newest.micros) or '0', hub.lineage }
    end
    if hub and not hub.importing then return { 'taken' } end
    if hub and hub.importing ~= node and now - hub.seen < STUCK then return { 'importing' } end
    redis.call('DEL', log, key(log, 'ids'), key(log, 'due'), key(log, 'scheduled'),
      key(log, 'sequences'), key(log, 'hub'))
    redis.call('HSET', key(log, 'hub'), 'epoch', args[3], 'base', '0', 'head', '0', 'floor', '0',
      'micros', '0', 'total', '0', 'entry', '0', 'held', '0', 'seen', whole(now), 'importing', node,
      'lineage', args[4] or '')
    return { 'ok' }
  end
  if not hub or hub.importing ~= node then return { 'taken' } end
  redis.call('HSET', key(log, 'hub'), 'seen', whole(now))
  if step == 'event' then
    for place = 3, #args, WIDTH + 3 do
      local one = {}
      for field = 1, WIDTH do one[field] = args[place + 2 + field] end
      hub.total = hub.total + #one[DATA] + #one[AUDIENCE]
      hub.head = tonumber(args[place])
      hub.micros = math.max(hub.micros + 1, tonumber(args[place + 1]))
      local head = table.concat({
        hub.epoch, whole(hub.micros), args[place + 2], whole(hub.total), one[FLAGS], one[RETRY],
        one[EVENT], one[MESSAGE], one[KEY],
      }, '\n')
      redis.call('XADD', log, args[place] .. '-0', 'h', head, 'a', one[AUDIENCE], 'd', one[DATA])
      local ids = key(log, 'ids')
      if one[KEY] ~= '' then redis.call('ZADD', ids, args[place], id_member(one[KEY], one[AUDIENCE])) end
      if one[MESSAGE] ~= '' then redis.call('ZADD', ids, args[place], 'm:' .. one[MESSAGE]) end
    end
  elseif step == 'later' then
    for place = 3, #args, WIDTH do
      local one = {}
      for field = 1, WIDTH do one[field] = args[place + field - 1] end
      schedule(log, hub, one)
    end
  else
    hub.head, hub.floor = tonumber(args[3]), tonumber(args[4])
    write_hub(log, hub)
    redis.call('HDEL', key(log, 'hub'), 'importing')
    open_up(log, hub, now)
    return { 'ok', whole(hub.micros) }
  end
  write_hub(log, hub)
  return { 'ok' }
end

local function refuse(why)
  return redis.error_reply('FEEDBELL ' .. why)
end

local function has_control(text)
  return string.find(text, '[%z\1-\31\127]') ~= nil or string.find(text, '\194[\128-\159]') ~= nil
end

-- Whether every byte belongs to a character, and none of these is written longer
-- than it has to be, or is half of one.
local function is_utf8(text)
  if not string.find(text, '[\128-\255]') then return true end
  for _, wrong in ipairs({ '\224[\128-\159]', '\237[\160-\191]', '\240[\128-\143]', '\244[\144-\191]' }) do
    if string.find(text, wrong) then return false end
  end
  text = string.gsub(text, '[\194-\223][\128-\191]', ' ')
  text = string.gsub(text, '[\224-\239][\128-\191][\128-\191]', ' ')
  text = string.gsub(text, '[\240-\244][\128-\191][\128-\191][\128-\191]', ' ')
  return not string.find(text, '[\128-\255]')
end

local RESERVED = {
  open = true, error = true, hello = true, gap = true, reset = true, ping = true, bye = true, presence = true,
}

local function text_of(value, what, most)
  if type(value) == 'number' then
    if value ~= math.floor(value) or math.abs(value) > 9007199254740991 then
      return nil, what .. ' is a number that may be read in two ways: write it as a text'
    end
    value = whole(value)
  end
  if type(value) ~= 'string' then return nil, what .. ' is neither a text nor a number' end
  if value == '' or #value > most or has_control(value) then
    return nil, what .. ' has 1 to ' .. most .. ' bytes and no control characters'
  end
  return value
end

-- Bytes, whatever the order of letters is where the engine runs.
local function is_before(one, other)
  for nth = 1, math.min(#one, #other) do
    local a, b = string.byte(one, nth), string.byte(other, nth)
    if a ~= b then return a < b end
  end
  return #one < #other
end

local PATHS = {
  v1 = true, metrics = true, healthz = true, hub = true, message = true, publish = true, fact = true,
  update = true,
}

-- Whom a document is for, as the log has it.
local function audience_of(document)
  local columns, seen, named = {}, {}, false
  local function add(kind, value, what, most)
    local text, why = text_of(value, what, most)
    if not text then return why end
    if kind == 't' and (type(value) ~= 'string' or string.find(text, '[^%w_-]')) then
      return 'a topic has 1 to 64 of the characters A-Z a-z 0-9 _ -'
    end
    if kind == 't' and PATHS[text] then
      return 'the topic ' .. text .. ' is a path of the hub; choose another name'
    end
    local column = kind .. text
    if not seen[column] then
      seen[column] = true
      columns[#columns + 1] = column
    end
  end
  for _, field in ipairs({ { 'uid', 'u', 128 }, { 'topic', 't', 64 } }) do
    local name, kind, most = field[1], field[2], field[3]
    local one, several = document[name], document[name .. 's']
    if one ~= nil then
      named = true
      local why = add(kind, one, name, most)
      if why then return nil, why end
    end
    if several ~= nil then
      named = true
      -- An empty one is the same here as an empty object.
      if type(several) ~= 'table' or #several == 0 then return nil, name .. 's is not a list of some' end
      for nth, value in pairs(several) do
        if type(nth) ~= 'number' then return nil, name .. 's is not a list' end
        local why = add(kind, value, name, most)
        if why then return nil, why end
      end
    end
  end
  if not named then return '*' end
  if #columns == 0 then return nil, 'the lists of uids and topics are empty' end
  if #columns > MOST_ADDRESSED then return nil, 'more than ' .. MOST_ADDRESSED .. ' uids and topics' end
  table.sort(columns, is_before)
  return table.concat(columns, '\n')
end

local KNOWN = {
  uid = true, uids = true, topic = true, topics = true, event = true, data = true, id = true,
  ttl = true, retry = true,
}

local function is_whole(value, most)
  return type(value) == 'number' and value >= 0 and value <= most and value == math.floor(value)
end

-- publish: DOCUMENT, as for POST /publish. Nodes take the data from it as it was
-- written: what is read here and written again would not be the same.
local function publish(keys, args)
  local log, now = keys[1], now_micros()
  if #args ~= 1 then return refuse('give one JSON document, as for POST /publish') end
  if #args[1] > MOST_DATA then return refuse('the document has more than ' .. MOST_DATA .. ' bytes') end
  if not is_utf8(args[1]) then return refuse('this is not UTF-8') end
  -- What is no JSON to nodes is none here. Others' scripts have their ways again.
  cjson.decode_invalid_numbers(false)
  local fine, document = pcall(cjson.decode, args[1])
  cjson.decode_invalid_numbers(true)
  if not fine or type(document) ~= 'table' or string.find(args[1], '^%s*{') == nil then
    return refuse('this is not a JSON object')
  end
  for name, value in pairs(document) do
    if not KNOWN[name] then return refuse('there is no field ' .. tostring(name)) end
    if value == cjson.null and name ~= 'data' then return refuse(name .. ' is null: leave it out') end
  end
  if (document.data == nil or document.data == cjson.null) and document.event == nil then
    return refuse('this says nothing: give it data or an event')
  end
  local audience, why = audience_of(document)
  if not audience then return refuse(why) end
  local id = ''
  if document.id ~= nil then
    id, why = text_of(document.id, 'id', 256)
    if not id then return refuse(why) end
  end
  if document.event ~= nil then
    local event = document.event
    if type(event) ~= 'string' or event == '' or #event > 256 or has_control(event) or RESERVED[event] then
      return refuse('this cannot be the name of an event')
    end
  end
  if document.ttl ~= nil and not (is_whole(document.ttl, 315360000) and document.ttl > 0) then
    return refuse('ttl is in seconds, from 1 to ten years')
  end
  if document.retry ~= nil and not is_whole(document.retry, 86400000) then
    return refuse('retry is in milliseconds, up to one day')
  end
  local hub, state = open(log, nil, 0, now)
  if not hub then
    if not read_hub(log) then
      return refuse('there is no hub at ' .. log .. ': its name is like {feedbell}:log, with the braces, and a node has to be there')
    end
    if state == 'importing' then return refuse('a history is being imported; try again later') end
    return refuse('the nodes of the hub have not vouched for this engine yet; try again in a second')
  end
  move_due(log, hub, now)
  local ttl = document.ttl and whole(document.ttl * 1000) or ''
  local retry = document.retry and whole(document.retry) or ''
  local number = take(log, hub,
    { '', ttl, '', retry, document.event or '', '', id, '', audience, args[1], true }, now)
  write_hub(log, hub)
  return hub.epoch .. '.' .. whole(number)
end

-- Raised with each change; what calls the functions of an older one may go on.
local function version()
  return 1
end

local function register(name, callback, ...)
  redis.register_function({ function_name = 'feedbell_' .. name, callback = callback, flags = { ... } })
end

-- Where no memory is left, what gives some back goes on.
register('version', version, 'no-writes')
register('append', append)
register('cancel', take_back, 'allow-oom')
register('scheduled', scheduled, 'no-writes')
register('tick', tick, 'allow-oom')
register('leave', leave, 'allow-oom')
register('import', import)
register('publish', publish)
