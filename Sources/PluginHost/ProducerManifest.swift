import CSluice
import ForeignFunction
import ProducerInterface

/// What a plugin declares about one producer.
struct ProducerManifest {
    let description: ProducerDescription
    let route: RoutePattern
    let signature: Signature
    let functions: ProducerFunctions
    /// The plugin's own struct.
    let declaration: ProducerDeclaration

    init(reading producer: UnsafePointer<sluice_producer>, index: Int, plugin: String) throws(Defect) {
        let raw = UnsafeRawPointer(producer)
        declaration = ProducerDeclaration(pointer: producer)
        let place = index == 0 ? "its first producer" : "its producer number \(index + 1)"
        try SizedStruct.checkAlignment(of: raw, place)
        let declared = try SizedStruct.copy(
            raw, into: sluice_producer(), sizeOffset: 0,
            upTo: MemoryLayout<sluice_producer>.offset(of: \.interrupt)!, place)
        guard declared.name != nil else { throw Defect("\(place) has no name", remedy: "give it one") }
        let name = try PluginText.declaredName(declared.name, "the name of \(place)")
        do throws(Defect) {
            let flags = ProducerFlags(rawValue: declared.flags)
            try Self.check(flags)
            let parameters = try PluginText.declared(declared.parameters, "its signature", bytesMax: 4096) ?? ""
            signature = try Self.signature(parameters)
            route = try RoutePattern(
                parsing: PluginText.declared(declared.route, "its route", bytesMax: RoutePattern.bytesMax) ?? "/" + name
            )
            try Self.checkPlaceholders(of: route, in: signature)
            functions = try ProducerFunctions(declared)
            description = ProducerDescription(
                plugin: plugin, name: name, route: route.text,
                summary: try PluginText.declared(declared.description, "its description", bytesMax: 1024) ?? "",
                parameters: parameters,
                isNonblocking: flags.contains(.nonblocking),
                isShared: flags.contains(.shared),
                isResumable: flags.contains(.resumable),
                acceptsBody: flags.contains(.body),
                hasNext: declared.next != nil,
                savesState: declared.save != nil)
        } catch {
            throw Defect("producer \(name): \(error.rule)", remedy: error.remedy)
        }
    }

    /// - Throws: if one of the others has its name or its route.
    func checkUnique(among others: [ProducerManifest]) throws(Defect) {
        for other in others {
            if other.description.name == description.name {
                throw Defect("two of its producers are named \(description.name)", remedy: "rename one")
            }
            if other.route.shape == route.shape {
                throw Defect(
                    "its producers \(other.description.name) and \(description.name) have the same route (\(other.route.text), \(route.text))",
                    remedy: "change one")
            }
        }
    }

    private static func check(_ flags: ProducerFlags) throws(Defect) {
        let known: ProducerFlags = [.nonblocking, .shared, .resumable, .body, .plainOpen]
        let reserved = flags.subtracting(known)
        guard reserved.isEmpty else {
            throw Defect(
                "sets the reserved flags 0x\(String(reserved.rawValue, radix: 16))",
                remedy: "set only the SLUICE_… flags of this host's sluice.h")
        }
        guard !flags.contains([.shared, .body]) else {
            throw Defect(
                "sets both SLUICE_BODY and SLUICE_SHARED, but a shared stream has no request of its own",
                remedy: "remove one of them; a second producer can accept bodies")
        }
    }

    private static func signature(_ text: String) throws(Defect) -> Signature {
        do throws(SignatureError) {
            return try Signature(parsing: text)
        } catch {
            throw Defect(
                "\(error)", remedy: "write it like \"symbol: str, interval: f64 in 0.1...60 = 1.0, note: str?\"")
        }
    }

    private static func checkPlaceholders(of route: RoutePattern, in signature: Signature) throws(Defect) {
        for name in route.placeholders where !signature.parameters.contains(where: { $0.name == name }) {
            throw Defect(
                "the placeholder {\(name)} of its route \(route.text) is not one of its parameters",
                remedy: "declare it, like \"\(name): str\"")
        }
    }
}

/// `sluice_producer.flags`.
private struct ProducerFlags: OptionSet {
    let rawValue: UInt32

    static let nonblocking = ProducerFlags(rawValue: UInt32(SLUICE_NONBLOCKING))
    static let shared = ProducerFlags(rawValue: UInt32(SLUICE_SHARED))
    static let resumable = ProducerFlags(rawValue: UInt32(SLUICE_RESUMABLE))
    static let body = ProducerFlags(rawValue: UInt32(SLUICE_BODY))
    static let plainOpen = ProducerFlags(rawValue: UInt32(SLUICE_PLAIN_OPEN))
}

/// A producer's own struct in the plugin.
///
/// `@unchecked Sendable`: the address stays valid for ever, and is only handed back to the plugin, not read.
struct ProducerDeclaration: @unchecked Sendable {
    let pointer: UnsafePointer<sluice_producer>
}

/// The functions of a producer.
///
/// `@unchecked Sendable`: addresses of functions, which stay mapped for ever and which sluice.h allows to be called
/// from any thread.
struct ProducerFunctions: @unchecked Sendable {
    typealias PlainOpen =
        @convention(c) (OpaquePointer?, UnsafeMutablePointer<UnsafeMutableRawPointer?>?) -> Int32
    typealias Next = @convention(c) (UnsafeMutableRawPointer?, UnsafeMutablePointer<sluice_event>?) -> Int32
    typealias Close = @convention(c) (UnsafeMutableRawPointer?, Int32) -> Int32
    typealias Interrupt = @convention(c) (UnsafeMutableRawPointer?) -> Void
    typealias Save = @convention(c) (UnsafeMutableRawPointer?, OpaquePointer?) -> Void

    /// How `open` must be called.
    enum Open {
        /// SLUICE_PLAIN_OPEN: no arguments beyond the two that every `open` has.
        case plain(PlainOpen)
        /// The parameters follow, each with its own type.
        case typed(UnsafeRawPointer)
    }

    let open: Open
    /// `nil` for a producer that only emits.
    let next: Next?
    let close: Close
    let interrupt: Interrupt?
    /// `nil` for a producer that saves nothing.
    let save: Save?

    init(_ producer: sluice_producer) throws(Defect) {
        guard let open = producer.open else { throw Defect("has no open", remedy: "every producer needs one") }
        guard let close = producer.close else { throw Defect("has no close", remedy: "every producer needs one") }
        self.open =
            ProducerFlags(rawValue: producer.flags).contains(.plainOpen)
            ? .plain(unsafeBitCast(open, to: PlainOpen.self))
            : .typed(unsafeBitCast(open, to: UnsafeRawPointer.self))
        self.close = close
        next = producer.next
        interrupt = producer.interrupt
        save = producer.save
    }
}
