-- For wrk: POSTs to one path, its requests taken from a file in turn: lines of a token, a blank and a body.
--   wrk -s bench.lua URL -- FILE          closes with one line of JSON, times in microseconds
--   wrk -s bench.lua URL -- FILE churn    creates jobs by the first line and deletes them again, some thousand in turn: warms
--                                         an agent up, with queues of all lengths, and leaves next to nothing behind

local CREATE, DELETE = "/api/userJob", "/api/userJob/job_del"
local requests = {}
local at = 0
local QUEUED = 4000

local function post(path, token, body)
  return wrk.format("POST", path, { ["Authorization"] = "Bearer " .. token, ["Content-Type"] = "application/json" }, body)
end

local function churn(token, body)
  local made, deleting = {}, false
  request = function()
    deleting = #made > (deleting and 0 or QUEUED)
    local id = deleting and table.remove(made)
    return id and post(DELETE, token, '{"job_id":"' .. id .. '"}') or post(CREATE, token, body)
  end
  response = function(_, _, answer)
    local id = answer:match('^{"job_id":"([^"]*)"}$')
    if id then made[#made + 1] = id end
  end
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    local token, body = line:match("^(%S+) (.*)$")
    if arguments[2] == "churn" then
      churn(token, body)
      return
    end
    requests[#requests + 1] = post(nil, token, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "duration_us": %d, "p50_us": %d, "p99_us": %d, "max_us": %d, "refused": %d, "failed": %d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99), latency.max, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout))
end
