import CSluice
import ProducerInterface
import TestSupport
import Testing

@testable import PluginHost

@Suite("Who asks, as a plugin sees it")
struct IdentityTests {
    private let host = HostTable.pointer.pointee

    private func text(_ pointer: UnsafePointer<CChar>?) -> String? { pointer.map { String(cString: $0) } }

    /// What a stream of the fixture sends.
    private func shown(_ identity: ClientIdentity?, to producer: String = "identity") throws -> String {
        let stream = try HandDrivenStream(loadFixture("ShowsIdentity"), producer)
        var request = try stream.request()
        request.identity = identity
        #expect(try stream.open(request).text == "opened ")
        guard case .ended = stream.pull() else { throw TestFailure("the stream does not end") }
        #expect(stream.close(.completed))
        return stream.text()
    }

    @Test("the subject and the claims of a token; without a token, nothing")
    func shown() throws {
        let claims = ["sub": "ann", "role": "editor", "scope": #"["read","write"]"#]
        #expect(
            try shown(ClientIdentity(subject: "ann", claims: claims)) == "data: ann|editor|[\"read\",\"write\"]\n\n")
        #expect(try shown(ClientIdentity(subject: "", claims: ["scope": "7"])) == "data: |-|7\n\n")
        #expect(try shown(ClientIdentity(subject: "ann")) == "data: ann|-|-\n\n")
        #expect(try shown(nil) == "data: -|-|-\n\n")
        // The runtime leaves it out of the request of a shared stream.
        #expect(try shown(nil, to: "identity-shared") == "data: -|-|-\n\n")
    }

    @Test("lent until open is answered, under the rules for all of the request")
    func lent() throws {
        let stream = try HandDrivenStream(loadFixture("AnswersAsTold", log: "identity"), "pending")
        var request = try stream.request()
        request.identity = ClientIdentity(subject: "é", claims: ["role": "editor", "cut": "a\0b", "é": "1"])
        #expect(try stream.open(request).text == "pending")
        FakeRuntime.shared.change(stream.token) { $0.isOpenPending = true }
        let handle = stream.token.handle
        #expect(text(host.identity(handle)) == "é")
        #expect(text(host.claim(handle, "role")) == "editor" && text(host.claim(handle, "é")) == "1")
        #expect(host.claim(handle, "Role") == nil && host.claim(handle, "") == nil)
        #expect(host.identity(handle) == host.identity(handle))
        #expect(host.claim(handle, "role") == host.claim(handle, "role"))
        // C would see another value.
        #expect(host.claim(handle, "cut") == nil)
        // Names that are none.
        #expect(host.claim(handle, nil) == nil && host.claim(handle, [0x72, -1, 0]) == nil)

        host.opened(handle, Int32(SLUICE_OPEN_OK))
        #expect(host.identity(handle) == nil && host.claim(handle, "role") == nil)
        #expect(stream.close(.completed))
        stream.state.pointer?.deallocate()
        stream.end()
        #expect(host.identity(handle) == nil && host.claim(handle, "role") == nil)
        let lines = RecordedLog.lines("stream", "\(stream.token)").map(\.text)
        for name in ["identity", "claim"] {
            #expect(lines.contains("host->\(name) was called after open had answered"))
            #expect(lines.contains { $0.hasPrefix("host->\(name) was called for a stream that is over") }, "\(lines)")
        }
    }

    @Test("a subject that C would see cut off counts as none")
    func nul() throws {
        #expect(try shown(ClientIdentity(subject: "root\0", claims: ["role": "a"])) == "data: -|a|-\n\n")
    }
}
