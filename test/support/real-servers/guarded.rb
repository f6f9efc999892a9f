# WEBrick or Puma on a port of 127.0.0.1: MARKER below /private, files or `public` beside.
server, port, root = ARGV

if server == 'webrick'
  require 'webrick'
  http = WEBrick::HTTPServer.new(BindAddress: '127.0.0.1', Port: port.to_i, DocumentRoot: root, AccessLog: [], Logger: WEBrick::Log.new(File::NULL))
  http.mount_proc('/private') { |_request, answer| answer.body = 'MARKER' }
  http.start
else
  require 'puma'
  require 'puma/server'
  app = lambda do |env|
    text = env['PATH_INFO'].split('/').reject(&:empty?).first == 'private' ? 'MARKER' : 'public'
    [200, { 'Content-Length' => '6' }, [text]]
  end
  puma = Puma::Server.new(app, Puma::Events.null)
  puma.add_tcp_listener('127.0.0.1', port.to_i)
  puma.run.join
end
