package import ProducerInterface
import Synchronization

/// The runtime that the host table calls. There is one per process: a C function of the table gets a stream's handle
/// and nothing else, so what it reaches from there is global.
package enum ConnectedRuntime {
    private final class Holder: Sendable {
        let services: any StreamServices
        init(_ services: any StreamServices) { self.services = services }
    }

    private static let current = Atomic<Unmanaged<Holder>?>(nil)

    /// From now on, the calls of all plugins reach these services, which are never freed. Must be called before the
    /// first stream opens; a later call replaces the services.
    package static func connect(_ services: any StreamServices) {
        // The previous holder is not released: another thread may be about to call it.
        current.store(Unmanaged.passRetained(Holder(services)), ordering: .releasing)
    }

    /// - Returns: `nil` while nothing is connected: then every stream is over.
    @inline(__always)
    static func ask<Answer>(_ question: (any StreamServices) -> Answer) -> Answer? {
        guard let holder = current.load(ordering: .acquiring) else { return nil }
        return holder._withUnsafeGuaranteedRef { question($0.services) }
    }

    /// The producer of a stream; `nil` for one that is over.
    static func producer(of stream: StreamToken) -> PluginProducer? {
        ask { $0.producer(of: stream) as? PluginProducer } ?? nil
    }
}
