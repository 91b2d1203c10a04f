import CCalls
import ProducerInterface
import Synchronization

/// The plugin or producer that is called, which a server names when it crashes in the call. Each call is noted in the
/// record of its thread, which costs a few stores.
struct PluginCallee: ~Copyable, Sendable {
    private let plugin: String
    private let producer: String?
    /// The address of a `sluice_callee`, which is never freed.
    private let address: Atomic<UInt>

    /// - Parameter producer: `nil` for the plugin itself.
    init(plugin: String, producer: String? = nil) {
        self.plugin = plugin
        self.producer = producer
        address = Atomic(Self.make(plugin, producer, 0))
    }

    private static func make(_ plugin: String, _ producer: String?, _ generation: Int) -> UInt {
        UInt(bitPattern: sluice_callee_make(plugin, producer, UInt64(generation)))
    }

    /// Calls from now on are of this generation.
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
