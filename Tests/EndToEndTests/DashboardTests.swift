import TestSupport
import Testing

@Suite("The dashboard that ships", .onTestThreads)
struct DashboardTests {
    @Test("uses only metrics that exist")
    func dashboard() throws {
        let file = readFile("\(repositoryRoot)/Plugins/monitoring/grafana.json")
        let text = String(decoding: try #require(file), as: UTF8.self)
        let names = Set(text.matches(of: /sluice_[a-z_]+/).map { String($0.output) })
        #expect(names.count > 10)
        try withServer(["WaitsForEver"], flags: SluiceServer.withAdmin) { server in
            let types = try server.metrics().types
            for name in names {
                let family = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) }.map {
                    String(name.dropLast($0.count))
                }
                #expect(types[name] != nil || family.map { types[$0] == "histogram" } == true, "\(name)")
            }
        }
    }
}
