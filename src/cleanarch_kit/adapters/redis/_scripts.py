"""What has to happen in one step on the server, as Lua."""

__all__ = ["CLAIM", "CLEAR", "COMPLETE", "RELEASE_LOCK", "SET_ENTRIES", "TAG_VERSIONS"]

# KEYS: tags. ARGV: lifetime of a new version in milliseconds; a version for each tag that has none.
TAG_VERSIONS = """
local versions = {}
for number, tag in ipairs(KEYS) do
  local version = redis.call('GET', tag)
  if not version then
    version = ARGV[number + 1]
    redis.call('SET', tag, version, 'PX', ARGV[1])
  end
  versions[number] = version
end
return versions
"""

# KEYS: entries, then as many tags of the same names, then other tags. ARGV: time to live in milliseconds; entries.
# A version lasts as long as what hangs on it. That of an entry's own tag need not last longer.
SET_ENTRIES = """
local lifetime, count = tonumber(ARGV[1]), #ARGV - 1
for number = 1, count do
  redis.call('SET', KEYS[number], ARGV[number + 1], 'PX', lifetime)
  redis.call('PEXPIRE', KEYS[count + number], lifetime)
end
for number = 2 * count + 1, #KEYS do
  local left = redis.call('PTTL', KEYS[number])
  if left >= 0 and left < lifetime then
    redis.call('PEXPIRE', KEYS[number], 2 * lifetime)
  end
end
"""

# ARGV: cursor, pattern, names per step. Returns the next cursor.
CLEAR = """
local step = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
for _, name in ipairs(step[2]) do
  redis.call('UNLINK', name)
end
return step[1]
"""

# KEYS: the lock. ARGV: what its holder wrote into it.
RELEASE_LOCK = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('UNLINK', KEYS[1])
end
return 0
"""

# A request that is being handled: "?" and the 16 characters of its holder's token. One that was: "=", token, result.
# KEYS: the request. ARGV: token, lease in milliseconds. Returns the result; 1 if the claim is granted; 0 if not.
CLAIM = """
local known = redis.call('GET', KEYS[1])
if known and string.sub(known, 1, 1) == '=' then
  return string.sub(known, 18)
end
if known and known ~= '?' .. ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], '?' .. ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: the request. ARGV: token, time to live in milliseconds, result. Returns 0 if somebody else has the key by now.
COMPLETE = """
local holder = redis.call('GETRANGE', KEYS[1], 1, 16)
if holder ~= '' and holder ~= ARGV[1] then
  return 0
end
redis.call('SET', KEYS[1], '=' .. ARGV[1] .. ARGV[3], 'PX', ARGV[2])
return 1
"""
