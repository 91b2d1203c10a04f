import Glibc
import TestSupport
import Testing

/// Other ways from a proxy to the server, as the page "Behind a proxy" shows them.
@Suite("Between a proxy and the server", .onTestThreads)
struct ProxyTransportTests {
    private func expectAddress(
        _ proxy: Proxy, _ target: String = "/tells-the-request", sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try proxy.explaining {
            let stream = try ProxiedStream(
                target, through: proxy.port, host: ProxyRecipe.host, headers: [("X-Forwarded-For", "203.0.113.9")])
            let seen = try stream.nextEvent().data ?? ""
            #expect(
                seen.contains("\nremote-address=\(ProxiedStream.address)\n"), "\(seen)", sourceLocation: sourceLocation)
        }
    }

    @Test(
        "a socket in the file system",
        .enabled("neither nginx nor haproxy is installed") { !Proxy.Kind.withSockets.isEmpty },
        arguments: Proxy.Kind.withSockets)
    func socket(_ kind: Proxy.Kind) throws {
        let directory = TemporaryDirectory()
        let path = "\(directory.path)/http.sock"
        // Not everybody may give a file to that group.
        let flags = try ProxyRecipe.serverFlags(1).map {
            $0.replacing("/run/sluice/http.sock", with: path).replacing(" group=www-data", with: "")
        }
        #expect(flags.contains("unix:\(path) mode=660"))
        try withServer(["TellsTheRequest"], flags: flags) { _ in
            var recipe = try ProxyRecipe(kind)
            try recipe.replaceLine(
                beginning: kind == .nginx ? "proxy_pass" : "server sluice", byBlock: kind == .nginx ? 2 : 1)
            try recipe.replace("/run/sluice/http.sock", by: path)
            try expectAddress(Proxy(kind) { [recipe] in try recipe.configuration(nil, $0, $1) })
        }
    }

    @Test("the PROXY protocol of HAProxy", .enabled(if: Proxy.Kind.haproxy.isInstalled, "haproxy is not installed"))
    func version2() throws {
        try expectProxyHeader(of: .haproxy, block: 2)
    }

    @Test(
        "the PROXY protocol of nginx",
        .enabled("nginx or libnginx-mod-stream is not installed") {
            Proxy.Kind.nginx.isInstalled && access(Proxy.streamModule, R_OK) == 0
        })
    func version1() throws {
        try expectProxyHeader(of: .nginx, block: 3)
    }

    private func expectProxyHeader(of kind: Proxy.Kind, block: Int) throws {
        let port = try freePort()
        let flags = try ProxyRecipe.serverFlags(2).map { $0.replacing(":8080 ", with: ":\(port) ") }
        #expect(flags.contains("127.0.0.1:\(port) proxy-protocol"))
        try withServer(["TellsTheRequest"], flags: flags) { _ in
            let recipe = try ProxyRecipe(kind, block)
            try expectAddress(Proxy(kind) { try recipe.configuration(port, $0, $1) })
        }
    }

    @Test("a base path", .enabled(if: Proxy.Kind.nginx.isInstalled, "nginx is not installed"))
    func basePath() throws {
        try withServer(
            ["TellsTheRequest"], flags: ProxyRecipe.serverFlags() + ["--base-path", "/events"]
        ) { server in
            var recipe = try ProxyRecipe(.nginx)
            try recipe.replaceLine(beginning: "location / {", byBlock: 1)
            let proxy = try Proxy(.nginx) { [recipe] in try recipe.configuration(server.port, $0, $1) }
            try expectAddress(proxy, "/events/tells-the-request")
            let outside = try ProxiedStream("/tells-the-request", through: proxy.port, host: ProxyRecipe.host)
            #expect(try outside.head().status == 404)
        }
    }
}
