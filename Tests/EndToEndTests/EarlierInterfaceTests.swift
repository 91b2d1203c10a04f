import TestSupport
import Testing

@Suite("Plugins of an earlier version of the interface, and of this one", .onTestThreads)
struct EarlierInterfaceTests {
    private let earlier = earlierHeaders("1.0")

    @Test("a plugin of 1.0 is served like any other")
    func served() throws {
        try withServer([fixturePlugin("TellsTheRequest", headers: earlier)]) { server in
            let subscriber = try server.subscribe("/tells-the-request?name=x&last_event_id=4")
            #expect(try subscriber.head()["X-Fixture"] == "seen")
            let told = try subscriber.nextEvent().data ?? ""
            #expect(told.contains("last-event-id=4\n") && told.contains("name=x\n"), "\(told)")
        }
    }

    @Test("a reload from a build of 1.0 to one of this version, and back, loses and repeats nothing")
    func reloaded() throws {
        func build(_ number: Int, _ headers: String) throws -> String {
            try fixturePlugin("MarkedByBuild", defines: ["BUILD=\(number)"], headers: headers)
        }
        try withServer([build(1, earlier)]) { server in
            let readers = try MarkedReaders(server, ["/own", "/own-threads", "/shared", "/shared-threads"])
            for (number, headers) in [(2, currentHeaders), (3, earlier)] {
                try server.install(build(number, headers), as: "MarkedByBuild")
                try server.reload()
                try readers.read(within: .seconds(20)) { readers.oldestBuild == number }
            }
            #expect(readers.faults.isEmpty, "\(readers.faults)")
            readers.close()
        }
    }

    @Test("where no token is asked for, nobody is known to plugins in C and in Swift")
    func nobody() throws {
        try withServer([fixturePlugin("ShowsIdentity"), SwiftIdentity.build()]) { server in
            for route in ["/identity", "/identity-shared", "/identity-swift", "/identity-swift-shared"] {
                let events = try server.subscribe(route, headers: [("Authorization", "Bearer x")]).rest()
                #expect(events.compactMap(\.data).contains("-|-|-"), "\(route): \(events)")
            }
        }
    }
}
