-- A script for wrk. POSTs to one path, with requests from a file in turn. A line of the file is a token, a blank and a body.
--   wrk -s bench.lua URL -- FILE          prints one line of JSON at the end, with times in microseconds
--   wrk -s bench.lua URL -- FILE churn    creates some thousand jobs by the first line, deletes them, and so on. That warms an
--                                         agent up, with queues of all lengths, and leaves nearly no job behind

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
