-- One request for the next track, atomically: mark the played track as seen, answer from the first
-- candidate step that has a track to offer, mark that track as seen, keep the session alive.
--
-- KEYS  1 the user's session (hash: id, at = ms of the user's latest event, n = tracks answered,
--         sent = when its latest `next` was sent, by the worker's clock, in ms;
--         seen = packed tracks played or offered in this session, in order;
--         plays = as in open_session.lua)
--       2 versions of the lists served (hash: list name -> version); a list itself is the hash
--         KEYS[2]:name:version, found here so that switching a version is atomic
-- ARGV  user, played: the track played, session_ttl in s, n_tracks in the catalog,
--       random_1 and random_2 in [0, 1), or "seed" and a seed: then the random numbers are a
--         function of the seed, the user, and the user's number of answers so far;
--       excluded: packed tracks that must not be offered; sent_at: ms since the epoch by the
--         caller's clock; time: the share of the track that was played, if the session's plays are
--         to be kept, else "";
--       then four for each candidate step, the fields of CandidateStep in store/candidates.py:
--         source   "list": a stored list; "listened": the stored list of a track drawn from the
--                  last plays; "tracks": the packed tracks given; "catalog": all tracks
--         name     the list's name, else ""
--         key      the key in the list, or from how many plays to draw, or the packed tracks,
--                  else ""
--         pick     "first": the first unseen track; "next": the first unseen one after the place
--                  of the track played; "unseen": uniform over the unseen tracks;
--                  "best", "any": the first of all tracks, uniform over all, seen or not
--       The last step must be "catalog", which always answers.
--       contract/chain_choice.py defines the answer.
--       tests/botify/store/test_wire_format.py compares the order with store/sessions.py.
-- Reply: session id, ms since the epoch, step that answered (from 1), track, rank in the list
--        (from 0; -1 = none), number of tracks it was drawn from (or, after "listened", a string:
--        its propensity), version of the first step's list.
--
-- Packed tracks are consecutive little-endian uint32.

local user, played, session_ttl, n_tracks, random_1, random_2, excluded, sent_at, time =
  unpack(ARGV, 1, 9)
local FIRST_STEP = 10
local SHARES = 10000 -- times are rounded to so many parts of a track
played, n_tracks = tonumber(played), tonumber(n_tracks)

local clock = redis.call('TIME')
local session = redis.call('HMGET', KEYS[1], 'id', 'at', 'n', 'seen')
local at = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
-- Strictly later than the user's previous event, whichever worker or host handled it.
if session[2] then at = math.max(at, tonumber(session[2]) + 1) end
local id = session[1] or string.format('%s-%.0f', user, at)

local random = { tonumber(random_1), tonumber(random_2) }
if random_1 == 'seed' then
  local hash = redis.sha1hex(random_2 .. ':' .. user .. ':' .. (session[3] or '0'))
  random = { tonumber(hash:sub(1, 8), 16) / 2 ^ 32, tonumber(hash:sub(9, 16), 16) / 2 ^ 32 }
end

local unpack_track = struct.unpack
local packed_plays = ''

local function set_of(packed)
  local set = {}
  for first = 1, #packed, 4 do set[unpack_track('<I4', packed, first)] = true end
  return set
end

local seen_packed = session[4] or ''
local seen, barred = set_of(seen_packed), set_of(excluded)

local function mark_seen(track)
  if seen[track] then return end
  seen[track] = true
  seen_packed = seen_packed .. struct.pack('<I4', track)
end

local function taken(track, filtered) return barred[track] or filtered and seen[track] end

local function draw(i, count) return math.min(math.floor(random[i] * count), count - 1) end

local function from_packed(packed, pick)
  local count = #packed / 4
  local filtered = pick == 'first' or pick == 'unseen' or pick == 'next'
  if filtered and pick ~= 'unseen' or pick == 'best' then
    local begin = 0
    if pick == 'next' then
      for place = 0, count - 1 do
        if unpack_track('<I4', packed, place * 4 + 1) == played then begin = place + 1 end
      end
    end
    for place = begin, count - 1 do
      local track = unpack_track('<I4', packed, place * 4 + 1)
      if not taken(track, filtered) then return track, place, 1 end
    end
    return nil
  end
  if count > 0 and not filtered and not next(barred) then
    local place = draw(1, count)
    return unpack_track('<I4', packed, place * 4 + 1), place, count
  end
  local free, places = {}, {}
  for place = 0, count - 1 do
    local track = unpack_track('<I4', packed, place * 4 + 1)
    if not taken(track, filtered) then
      free[#free + 1], places[#places + 1] = track, place
    end
  end
  if #free == 0 then return nil end
  local i = draw(1, #free) + 1
  return free[i], places[i], #free
end

-- From the list of one of the last plays, drawn by its time among those with a free track.
local function from_listened(list, plays, pick)
  local drawable, total = {}, 0
  for first = math.max(1, #packed_plays - 8 * plays + 1), #packed_plays, 8 do
    local track, share = struct.unpack('<I4f', packed_plays, first)
    share = math.floor(share * SHARES + 0.5)
    local packed = share > 0 and redis.call('HGET', list, string.format('%.0f', track))
    local best, _, count = nil, nil, nil
    if packed then best, _, count = from_packed(packed, pick) end
    if best then
      drawable[#drawable + 1] = { share = share, packed = packed, best = best, count = count }
      total = total + share
    end
  end
  if total == 0 then return nil end
  local drawn, at = draw(2, total), 1
  while drawn >= drawable[at].share do drawn, at = drawn - drawable[at].share, at + 1 end
  local track, place, count = from_packed(drawable[at].packed, pick)
  if #drawable == 1 then return track, place, count end
  local shares, wanted = 0, struct.pack('<I4', track)
  for _, each in ipairs(drawable) do
    local has = each.best == track
    for first = 1, each.count > 1 and #each.packed or 0, 4 do
      if each.packed:sub(first, first + 3) == wanted then has = true break end
    end
    if has then shares = shares + each.share / each.count end
  end
  return track, place, string.format('%.17g', shares / total)
end

-- Uniform over the free tracks of the catalog; nil where there is none.
local function from_catalog(filtered)
  local without = {}
  for track in pairs(barred) do without[#without + 1] = track end
  if filtered then
    for track in pairs(seen) do
      if not barred[track] then without[#without + 1] = track end
    end
  end
  local free = n_tracks - #without
  if free <= 0 then return nil end
  local track = draw(1, n_tracks)
  if taken(track, filtered) then
    -- Rare: number the free tracks in order and draw one of them, which is uniform as well.
    table.sort(without)
    track = draw(2, free)
    for _, other in ipairs(without) do
      if other <= track then track = track + 1 end
    end
  end
  return track, -1, free
end

mark_seen(played)
if time ~= '' then
  packed_plays = (redis.call('HGET', KEYS[1], 'plays') or '')
    .. struct.pack('<I4f', played, tonumber(time))
  redis.call('HSET', KEYS[1], 'plays', packed_plays)
end
local step, track, place, count, version = 0, nil, nil, nil, ''
for first = FIRST_STEP, #ARGV, 4 do
  local source, name, key, pick = unpack(ARGV, first, first + 3)
  step = step + 1
  if source == 'catalog' then
    track, place, count = from_catalog(pick ~= 'any')
    if not track then track, place, count = from_catalog(false) end -- all tracks were seen
    if not track then -- and all are excluded: something must be played
      barred = {}
      track, place, count = from_catalog(false)
    end
  elseif source == 'tracks' then
    track, place, count = from_packed(key, pick)
    place = -1 -- tracks that come with the request have no rank
  else
    local served = redis.call('HGET', KEYS[2], name) or ''
    if step == 1 then version = served end
    local list = KEYS[2] .. ':' .. name .. ':' .. served
    if source == 'listened' then
      track, place, count = from_listened(list, tonumber(key), pick)
    else
      track, place, count = from_packed(redis.call('HGET', list, key) or '', pick)
    end
  end
  if track then break end
end

mark_seen(track)
redis.call('HSET', KEYS[1], 'id', id, 'at', string.format('%.0f', at),
  'n', (session[3] or 0) + 1, 'sent', sent_at, 'seen', seen_packed)
redis.call('EXPIRE', KEYS[1], session_ttl)
return { id, at, step, track, place, count, version }
