import Glibc
import TestSupport

/// A Swift plugin that shows who asks, like the fixture `ShowsIdentity` in C: `/identity-swift`, and
/// `/identity-swift-shared`. It is built once.
enum SwiftIdentity {
    private static let workshop: Workshop = {
        // Globals are never destroyed, so the directory is removed when the process exits.
        atexit { SwiftIdentity.workshop.directory.remove() }
        return Workshop()
    }()
    private static let built = Result {
        workshop.write(source, to: "Identity.swift")
        let built = try workshop.sluice("build", "Identity.swift", "-o", "identity-swift.so")
        guard built.status == 0 else { throw TestFailure(built.output) }
        return workshop.path("identity-swift.so")
    }

    /// - Returns: the path of the shared object.
    static func build() throws -> String { try built.get() }

    private static let source = """
        import Sluice

        func shown(_ identity: Identity?) -> AsyncStream<MessageEvent> {
            let values = [identity?.subject, identity?.claim("role"), identity?.claim("scope")]
            let text = values.map { $0 ?? "-" }.joined(separator: "|")
            return AsyncStream { continuation in
                continuation.yield(MessageEvent(text))
                continuation.finish()
            }
        }

        struct IdentitySwift: Producer {
            func events(for request: Request) -> AsyncStream<MessageEvent> { shown(request.identity) }
        }

        struct IdentitySwiftShared: Producer {
            static let options: ProducerOptions = [.shared]
            func events(for request: Request) -> AsyncStream<MessageEvent> { shown(request.identity) }
        }

        @c(sluice_plugin_entry)
        public func entry(_ host: UnsafePointer<sluice_host>) -> UnsafePointer<sluice_plugin>? {
            export(IdentitySwift.self, IdentitySwiftShared.self, plugin: "shows-identity-swift", to: host)
        }
        """
}
