import CCalls
import ProducerInterface
import Synchronization

/// Who is called: what a server says of the call that it dies in. Each call is noted in the record of its thread, which costs some
/// stores.
struct PluginCallee: ~Copyable, Sendable {
    private let plugin: String
    private let producer: String?
    /// A `sluice_callee`, which lives for ever.
    private let address: Atomic<UInt>

    /// - Parameter producer: `nil`: the plugin itself.
    init(plugin: String, producer: String? = nil) {
        self.plugin = plugin
        self.producer = producer
        address = Atomic(Self.make(plugin, producer, 0))
    }

    private static func make(_ plugin: String, _ producer: String?, _ generation: Int) -> UInt {
        UInt(bitPattern: sluice_callee_make(plugin, producer, UInt64(generation)))
    }

    /// What is called from now on is of this generation.
    func serves(as generation: Int) {
        address.store(Self.make(plugin, producer, generation), ordering: .releasing)
    }

    /// Calls a function of the plugin.
    @inline(__always)
    func call<Result>(_ function: sluice_function, of stream: StreamToken? = nil, _ body: () -> Result) -> Result {
        let callee = UnsafePointer<sluice_callee>(bitPattern: address.load(ordering: .acquiring)).unsafelyUnwrapped
        let outer = sluice_call_begin(callee, function, stream?.raw ?? 0)
        defer { sluice_call_end(outer) }
        return body()
    }
}
