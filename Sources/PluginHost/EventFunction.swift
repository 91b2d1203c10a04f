package import EventStream
package import ForeignFunction
import Glibc
import ProducerInterface

/// The functions of `host->callback`: each call becomes an event, which is written straight into its stream's queue.
///
/// `@unchecked Sendable`: only `init` writes `members` and the texts that they point to, and they live as long as the
/// object: for ever, once there is a closure.
package final class EventFunction: ClosureTarget, @unchecked Sendable {
    private struct Member {
        let index: Int
        let type: ValueType
        let prefix: UnsafeRawBufferPointer
    }

    // Plain memory, not an array: a call reads it without counting references.
    private let members: UnsafeMutableBufferPointer<Member>
    private let typeArgument: Int?
    private let idArgument: Int?
    private let constantType: UnsafeRawBufferPointer?
    private let policy: OverflowPolicy
    private let encoder: EventEncoder
    private let callbacks: ProducerCallbacks

    private init(_ signature: EventSignature, _ encoder: EventEncoder, _ callbacks: ProducerCallbacks) {
        members = .allocate(capacity: signature.members.count)
        for (place, member) in signature.members.enumerated() {
            members.initializeElement(
                at: place, to: Member(index: member.index, type: member.type, prefix: Self.keep(member.prefix)))
        }
        typeArgument = signature.typeArgument
        idArgument = signature.idArgument
        constantType = signature.constantType.map(Self.keep)
        policy = signature.policy
        self.encoder = encoder
        self.callbacks = callbacks
    }

    deinit {
        for member in members { member.prefix.deallocate() }
        members.deallocate()
        constantType?.deallocate()
    }

    /// The family of such functions of one producer and signature.
    package static func family(
        _ text: String, _ encoder: EventEncoder, _ callbacks: ProducerCallbacks
    ) throws(SignatureProblem) -> ClosureFamily {
        do {
            let signature = try EventSignature(parsing: text)
            let interface = try CallInterface(
                arguments: signature.function.arguments.map(\.type), result: signature.function.result)
            return ClosureFamily(EventFunction(signature, encoder, callbacks), interface)
        } catch let error as SignatureError {
            throw .place(error)
        } catch {
            throw .sentence("cannot create such a function: \(error)")
        }
    }

    private static func keep(_ text: String) -> UnsafeRawBufferPointer {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        memory.copyBytes(from: text.utf8)
        return UnsafeRawBufferPointer(memory)
    }

    package func call(_ call: ClosureCall, _ words: ClosureWords) {
        HostThread.shared.withRoom(bytes: HostThread.eventBytes) { take(call, words) }
    }

    private func take(_ call: ClosureCall, _ words: ClosureWords) {
        guard let stream = StreamToken(raw: words.tag) else { return }
        var fault: EncodingFault?
        let outcome = ConnectedRuntime.ask { services in
            services.emit(stream, whenFull: policy) { frames in
                do throws(EncodingFault) {
                    try encode(call, into: &frames)
                    return true
                } catch {
                    fault = error
                    return false
                }
            }
        }
        switch outcome {
        // A stream that is about to be closed takes nothing more; that is not an error.
        case .accepted, .over, nil: break
        case .displaced(0): break
        case .displaced(let count): callbacks.countDropped(count, "oldest")
        case .full: callbacks.countDropped(1, "newest")
        case .invalid: if let fault { callbacks.countUnencodable(fault) }
        }
    }

    package func calledTooLate() { callbacks.countLateCall() }

    private func encode(_ call: ClosureCall, into frames: inout FrameBuffer) throws(EncodingFault) {
        try encoder.encode(
            type: { frames in
                if let constantType {
                    frames.append(constantType)
                    return true
                }
                return typeArgument.map { appendText(of: call, $0, to: &frames) } ?? false
            },
            id: { frames in idArgument.map { appendText(of: call, $0, to: &frames) } ?? false },
            data: { frames in
                let limit = frames.count &+ encoder.maximumEventBytes
                for member in members where frames.count <= limit {
                    frames.append(member.prefix)
                    appendJSON(of: call, member.index, member.type, to: &frames)
                }
                frames.append(members.isEmpty ? "{}" : "}")
            },
            into: &frames)
    }

    /// Appends an argument as JSON.
    private func appendJSON(of call: ClosureCall, _ index: Int, _ type: ValueType, to frames: inout FrameBuffer) {
        let address = call.address(of: index)
        switch type {
        case .bool: frames.append(address.load(as: UInt8.self) != 0 ? "true" : "false")
        case .i8: JSONLine.write(Int64(address.load(as: Int8.self)), to: &frames)
        case .i16: JSONLine.write(Int64(address.load(as: Int16.self)), to: &frames)
        case .i32: JSONLine.write(Int64(address.load(as: Int32.self)), to: &frames)
        case .i64: JSONLine.write(address.load(as: Int64.self), to: &frames)
        case .u8: JSONLine.write(UInt64(address.load(as: UInt8.self)), to: &frames)
        case .u16: JSONLine.write(UInt64(address.load(as: UInt16.self)), to: &frames)
        case .u32: JSONLine.write(UInt64(address.load(as: UInt32.self)), to: &frames)
        case .u64: JSONLine.write(address.load(as: UInt64.self), to: &frames)
        case .f32: JSONLine.write(address.load(as: Float.self), to: &frames)
        case .f64: JSONLine.write(address.load(as: Double.self), to: &frames)
        case .ptr:
            let pointer = address.load(as: UInt.self)
            if pointer == 0 { frames.append("null") } else { JSONLine.write(address: pointer, to: &frames) }
        case .str:
            if let text = text(at: address) { JSONLine.write(text: text, to: &frames) } else { frames.append("null") }
        }
    }

    /// Appends an argument as the text of a field.
    /// - Returns: `false` for NULL, and for a number that is not finite.
    private func appendText(of call: ClosureCall, _ index: Int, to frames: inout FrameBuffer) -> Bool {
        let address = call.address(of: index)
        let type = call.interface.arguments[index]
        switch type {
        case .str:
            guard let text = text(at: address) else { return false }
            OneLineText.write(text, to: &frames)
            return true
        case .ptr where address.load(as: UInt.self) == 0: return false
        case .f32 where !address.load(as: Float.self).isFinite: return false
        case .f64 where !address.load(as: Double.self).isFinite: return false
        default:
            appendJSON(of: call, index, type, to: &frames)
            return true
        }
    }

    /// The text that an argument points to. Of a text that is too long for an event, one byte more than an event may
    /// have.
    private func text(at address: UnsafeRawPointer) -> UnsafeRawBufferPointer? {
        guard let start = address.load(as: UnsafePointer<CChar>?.self) else { return nil }
        return UnsafeRawBufferPointer(start: start, count: strnlen(start, encoder.maximumEventBytes &+ 1))
    }
}
