import CCalls
import CSluice
import EventStream
package import ForeignFunction
import Logging
package import ProducerInterface

/// A producer of a loaded plugin: turns requests of the runtime into calls of the plugin's functions.
package final class PluginProducer: EventProducer {
    package let description: ProducerDescription
    package let signature: Signature
    /// Equal for two producers whose routes could match the same path, neither being more specific than the other.
    let routeShape: String
    let encoder: EventEncoder
    let functions: ProducerFunctions
    let declaration: ProducerDeclaration
    let callbacks: ProducerCallbacks
    package var callbackCounts: CallbackCounts { callbacks.counts }
    let callee: PluginCallee
    /// How `open` is called with its parameters; `nil` if it has no typed arguments.
    private let openCall: TypedCall?
    private let configuration: OperatorConfiguration
    private let logger: Logger

    init(
        _ manifest: ProducerManifest, encoder: EventEncoder, configuration: OperatorConfiguration, logger: Logger
    ) throws(Defect) {
        description = manifest.description
        signature = manifest.signature
        routeShape = manifest.route.shape
        functions = manifest.functions
        declaration = manifest.declaration
        self.encoder = encoder
        callee = PluginCallee(plugin: manifest.description.plugin, producer: manifest.description.name)
        self.configuration = configuration
        var logger = logger
        logger[metadataKey: "plugin"] = "\(manifest.description.plugin)"
        logger[metadataKey: "producer"] = "\(manifest.description.name)"
        self.logger = logger
        callbacks = ProducerCallbacks.of(
            plugin: manifest.description.plugin, producer: manifest.description.name, logger: logger)
        guard case .typed = manifest.functions.open else {
            openCall = nil
            return
        }
        do throws(CallInterfaceError) {
            openCall = try TypedCall(leadingPointers: 2, arguments: manifest.signature.parameters.map(\.type))
        } catch {
            throw Defect(
                "producer \(manifest.description.name): \(error)",
                remedy: "simplify its parameters, or use SLUICE_PLAIN_OPEN")
        }
    }

    func logger(for stream: StreamToken) -> Logger {
        var logger = logger
        logger[metadataKey: "stream"] = "\(stream)"
        return logger
    }

    package func resolve(
        path: [StreamRequest.Field], query: [StreamRequest.Field]
    ) throws(ParameterFault) -> any ResolvedParameters {
        try PluginParameters(of: signature, path: path, query: query)
    }

    package func open(
        _ stream: StreamToken, _ request: StreamRequest, state: inout ProducerState
    ) -> OpenOutcome {
        guard let parameters = request.parameters as? PluginParameters, parameters.signature == signature else {
            preconditionFailure("a request's parameters are resolved by the producer that opens it")
        }
        StreamOwners.remember(stream, number: callbacks.number)
        let opening = OpeningStream(
            request: request, parameters: parameters,
            arguments: openCall == nil ? nil : ArgumentStorage(values: parameters.values),
            configured: { [configuration, description] key in
                configuration.value(of: key, plugin: description.plugin, producer: description.name)
            })
        StreamMaps.opening[stream] = opening
        let outcome = opening.returned(call(stream, opening, &state)) {
            HostLog.misuse(
                "opened", "was called by an open that then did not answer SLUICE_OPEN_PENDING", stream: stream)
        }
        if case .pending = outcome { return .pending }
        StreamMaps.opening.remove(stream)
        if !outcome.isOpened { StreamClosures.retire(stream) }
        return outcome
    }

    private func call(
        _ stream: StreamToken, _ opening: OpeningStream, _ state: inout ProducerState
    ) -> Int32 {
        var pointer = state.pointer
        defer { state = ProducerState(pointer) }
        return withUnsafeMutablePointer(to: &pointer) { state in
            switch functions.open {
            case .plain(let open):
                return callee.call(.open, of: stream) { open(stream.handle, state) }
            case .typed(let open):
                guard let openCall, let arguments = opening.arguments else {
                    preconditionFailure("a typed open has its call and its arguments")
                }
                return callee.call(.open, of: stream) {
                    openCall.call(
                        open, leading: [UnsafeMutableRawPointer(stream.handle), UnsafeMutableRawPointer(state)],
                        arguments: arguments)
                }
            }
        }
    }

    package func save(_ stream: StreamToken, state: ProducerState) -> [UInt8]? {
        guard let save = functions.save else { return nil }
        StreamMaps.saving[stream] = .some(nil)
        callee.call(.save, of: stream) { save(state.pointer, stream.handle) }
        return StreamMaps.saving.remove(stream) ?? nil
    }

    package func adopt(_ parameters: any ResolvedParameters) -> (any ResolvedParameters)? {
        guard let parameters = parameters as? PluginParameters else { return nil }
        if parameters.signature == signature { return parameters }
        return try? PluginParameters(of: signature, path: [], query: parameters.fields)
    }

    package func close(_ stream: StreamToken, state: ProducerState, reason: CloseReason) -> Bool {
        StreamClosures.beginClose(of: stream)
        let isOver =
            callee.call(.close, of: stream) { functions.close(state.pointer, reason.rawValue) } != Int32(SLUICE_CLOSING)
        StreamMaps.failure.remove(stream)
        if isOver { StreamClosures.retire(stream) }
        return isOver
    }

    package var hasInterrupt: Bool { functions.interrupt != nil }

    package func interrupt(_ stream: StreamToken, state: ProducerState) {
        guard let interrupt = functions.interrupt else { return }
        callee.call(.interrupt, of: stream) { interrupt(state.pointer) }
    }

    package func perform(_ stream: StreamToken, _ call: ProducerCall) {
        let (function, context) = call.pointers
        callee.call(.scheduled, of: stream) { function(context) }
    }

    package func forget(_ stream: StreamToken) {
        StreamClosures.forget(stream)
        StreamMaps.failure.remove(stream)
    }
}

extension StreamToken {
    /// The token as a plugin holds it: a pointer that points nowhere.
    var handle: OpaquePointer {
        // A token is never 0.
        OpaquePointer(bitPattern: UInt(raw)).unsafelyUnwrapped
    }

    /// - Returns: `nil` for NULL.
    init?(_ handle: OpaquePointer?) {
        self.init(raw: UInt64(UInt(bitPattern: handle)))
    }
}
