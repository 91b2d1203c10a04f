import Glibc
import TestSupport

/// A real proxy on loopback, with a configuration of the test's own.
final class Proxy {
    enum Kind: String, Sendable, CaseIterable {
        case nginx, haproxy, caddy, apache, varnish, lighttpd

        /// Where Debian installs it.
        fileprivate var executable: String {
            switch self {
            case .nginx: "/usr/sbin/nginx"
            case .haproxy: "/usr/sbin/haproxy"
            case .caddy: "/usr/bin/caddy"
            case .apache: "/usr/sbin/apache2"
            case .varnish: "/usr/sbin/varnishd"
            case .lighttpd: "/usr/sbin/lighttpd"
            }
        }

        var isInstalled: Bool { access(executable, X_OK) == 0 }
        static var installed: [Kind] { allCases.filter(\.isInstalled) }
        /// Those that are usually tried first.
        static var usual: [Kind] { [nginx, haproxy, caddy].filter(\.isInstalled) }
        /// Those with a recipe for a socket in the file system.
        static var withSockets: [Kind] { [nginx, haproxy].filter(\.isInstalled) }
    }

    /// The module for connections that nginx does not read.
    static let streamModule = "/usr/lib/nginx/modules/ngx_stream_module.so"

    let port: Int
    /// For files to which a configuration refers. Apache's workers, which are another user, can read it.
    let directory: TemporaryDirectory
    private let program: RunningProgram

    /// Starts a proxy, and waits until it listens.
    /// - Parameter configuration: is given the port to listen on, and the proxy's directory. What the system's own
    ///   configuration usually adds is added here.
    init(_ kind: Kind, configuration: (_ port: Int, _ directory: TemporaryDirectory) throws -> String) throws {
        let directory = TemporaryDirectory()
        chmod(directory.path, 0o755)
        let port = try freePort()
        let file = directory.write(
            try kind.complete(configuration(port, directory), in: directory.path, port).utf8, to: "configuration")
        let program = try RunningProgram(
            kind.command(file, in: directory.path, port), environment: kind.variables(directory.path))
        (self.port, self.directory, self.program) = (port, directory, program)
        let isListening = blockingEventually(within: .seconds(20)) {
            program.exitIfEnded != nil || (try? RawClient(port: port)) != nil
        }
        guard isListening, program.exitIfEnded == nil else {
            throw TestFailure("\(kind) does not start:\n\(log)")
        }
    }

    deinit {
        program.signal(SIGTERM)
        if program.waitForExit(.seconds(5)) == nil { program.signal(SIGKILL) }
    }

    /// What it has printed.
    var log: String {
        (program.output.lines + program.errors.lines.map(\.description)).joined(separator: "\n")
    }
}

extension Proxy.Kind {
    /// In the foreground, and as this user.
    fileprivate func command(_ file: String, in directory: String, _ port: Int) -> [String] {
        switch self {
        case .nginx:
            [executable, "-p", directory, "-e", "stderr", "-c", file, "-g", "daemon off; pid \(directory)/pid;"]
        case .haproxy: [executable, "-db", "-f", file]
        case .caddy: [executable, "run", "--adapter", "caddyfile", "--config", file]
        case .apache: [executable, "-DFOREGROUND", "-d", directory, "-f", file]
        case .varnish:
            [
                executable, "-F", "-j", "none", "-n", "\(directory)/varnish", "-T", "none", "-s", "malloc,10m",
                "-a", "127.0.0.1:\(port)", "-f", file,
            ]
        case .lighttpd: [executable, "-D", "-f", file]
        }
    }

    /// Caddy keeps its state where these say.
    fileprivate func variables(_ directory: String) -> [String: String] {
        self == .caddy ? ["HOME": directory, "XDG_DATA_HOME": directory, "XDG_CONFIG_HOME": directory] : [:]
    }

    /// The line that loads a module of Apache.
    static func loading(_ module: String) -> String {
        "LoadModule \(module)_module /usr/lib/apache2/modules/mod_\(module).so\n"
    }

    /// Adds the settings that belong to the whole program.
    fileprivate func complete(_ configuration: String, in directory: String, _ port: Int) -> String {
        switch self {
        case .haproxy, .varnish: return configuration
        case .nginx:
            // Workers of root would be another user, and could not connect to a socket of the test.
            let user = geteuid() == 0 ? "user root;\n" : ""
            guard !configuration.hasPrefix("stream") else {
                return "load_module \(Proxy.streamModule);\n\(user)events {}\n\(configuration)"
            }
            let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map { "\($0)_temp_path \(directory);\n" }
            // A compression that nobody would choose for streams must not reach them.
            return "\(user)events {}\nhttp {\naccess_log off;\ngzip on;\ngzip_types *;\ngzip_min_length 1;\n"
                + "\(places.joined())\(configuration)}\n"
        case .caddy: return "{\n    admin off\n}\n" + configuration
        case .apache:
            // Debian loads these; a recipe adds others.
            let modules = ["mpm_event", "authz_core", "alias", "mime", "env", "filter", "deflate"]
            let user = geteuid() == 0 ? "User www-data\nGroup www-data\n" : ""
            return modules.map(Self.loading).joined() + user + """
                ServerName localhost
                Listen 127.0.0.1:\(port)
                PidFile \(directory)/pid
                DefaultRuntimeDir \(directory)
                ErrorLog /dev/stderr
                TypesConfig /dev/null
                SetOutputFilter DEFLATE
                \(configuration)
                """
        case .lighttpd:
            return """
                server.document-root = "\(directory)"
                server.bind = "127.0.0.1"
                server.port = \(port)
                server.errorlog = "/dev/stderr"
                server.modules = ( "mod_indexfile", "mod_access", "mod_alias", "mod_redirect" )
                \(configuration)
                """
        }
    }
}

extension Proxy {
    /// Adds what the proxy has printed to an error.
    func explaining(_ body: () throws -> Void) throws {
        do { try body() } catch {
            throw TestFailure("\(error)\n— the proxy has printed:\n\(log)")
        }
    }
}
