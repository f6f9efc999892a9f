# One of Ruby's servers on a port of 127.0.0.1. Each request that it understood is a line of JSON on stdout, and its answer.
require 'json'

server, port = ARGV
$stdout.sync = true

def say(method, target, host, body, kase, authorization)
  told = { method: method, target: target, host: host, case: kase, credential: !authorization.nil? }
  told[:body] = [body].pack('m0') unless body.nil?
  line = JSON.generate(told)
  puts line
  line
end

if server == 'webrick'
  require 'webrick'
  http = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: port.to_i, AccessLog: [], Logger: WEBrick::Log.new(File::NULL))
  http.define_singleton_method(:service) do |request, answer|
    body = request.unparsed_uri.start_with?('/ignore') ? nil : request.body.to_s
    answer.body = say(request.request_method, request.unparsed_uri, request['host'], body, request['x-case'], request['authorization'])
  end
  http.start
else
  require 'puma'
  require 'puma/server'
  app = lambda do |env|
    target = env['REQUEST_URI'] || env['PATH_INFO']
    body = target.start_with?('/ignore') ? nil : env['rack.input'].read.to_s
    said = say(env['REQUEST_METHOD'], target, env['HTTP_HOST'], body, env['HTTP_X_CASE'], env['HTTP_AUTHORIZATION'])
    [200, { 'Content-Length' => said.bytesize.to_s }, [said]]
  end
  puma = Puma::Server.new(app, Puma::Events.null)
  puma.add_tcp_listener('127.0.0.1', port.to_i)
  puma.run.join
end
