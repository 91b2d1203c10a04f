/// What the `@Parameter`s of a producer ask while it is made: their values, or, at first, only to be noted.
final class ParameterBinding: @unchecked Sendable {
    // Unchecked: lives and is used within one call of a producer's `init`, on one thread.
    @TaskLocal static var current: ParameterBinding?

    /// A parameter as it was declared, but for the name of its property.
    struct Declaration {
        let explicitName: String?
        let type: String
        /// As a signature spells them.
        let range: String?
        let defaultValue: String?
    }

    /// Where values come from; `nil` while the producer is only looked at.
    private let source: (names: [String], value: (String) -> String?)?
    private(set) var declarations: [Declaration] = []
    /// The first value that was not what it must be.
    private(set) var fault: Reject?
    private var count = 0

    private init(source: (names: [String], value: (String) -> String?)?) { self.source = source }

    /// Makes a producer whose parameters have values.
    /// - Parameters:
    ///   - names: in the order of the declarations.
    ///   - value: a parameter's text, by its name.
    /// - Throws: what its `init` throws; `Reject` for a value that is none of its type's.
    static func make<P: ProducerDeclaration>(
        _ type: P.Type, names: [String], value: @escaping (String) -> String?
    ) throws -> P {
        let binding = ParameterBinding(source: (names, value))
        let producer = try $current.withValue(binding) { try P() }
        if let fault = binding.fault { throw fault }
        return producer
    }

    func next<Value: ParameterValue>(name: String?, default value: Value?, range: String?) -> Value? {
        guard let source else {
            declarations.append(
                Declaration(
                    explicitName: name, type: Value.signatureType, range: range,
                    defaultValue: value.flatMap(\.signatureDefault)))
            return nil
        }
        // More than were noted: a second `@Parameter` of a value that the producer makes on its way, which is none of
        // its own.
        guard count < source.names.count else { return nil }
        let name = source.names[count]
        count += 1
        let text = source.value(name)
        do throws(InvalidParameter) {
            return try Value(parameterText: text)
        } catch {
            let given = text.map { ", not '\($0.prefix(100))'" } ?? ""
            fault = fault ?? Reject(status: 400, message: "\(name): expected \(Value.expectation)" + given)
            return nil
        }
    }

    /// The names of a producer's parameters in the order of their declarations, and its signature.
    /// - Throws: `ParametersUnknown`.
    static func signature<P: ProducerDeclaration>(of type: P.Type) throws(ParametersUnknown) -> (
        names: [String], signature: String
    ) {
        let binding = ParameterBinding(source: nil)
        let made = Result { try $current.withValue(binding) { try P() } }
        let names: [String]
        switch made {
        case .success(let producer):
            let properties = Mirror(reflecting: producer).children.filter { $0.value is any AnyParameter }
            guard properties.count == binding.declarations.count else {
                throw ParametersUnknown(
                    "each @Parameter must be a stored property of \(P.self) itself, and nothing else may set its value")
            }
            // A wrapped property is stored with a leading underscore.
            names = zip(properties, binding.declarations).map {
                $1.explicitName ?? String(($0.label ?? "").drop { $0 == "_" })
            }
        case .failure(let error):
            // It is made without a request here. What it has by then declared is known, but for the names of its
            // properties.
            names = binding.declarations.compactMap(\.explicitName)
            guard names.count == binding.declarations.count else {
                throw ParametersUnknown(
                    "the init of \(P.self) throws when it is called without a request (\(error)): name its parameters, as in @Parameter(\"limit\"), or move the code that throws to events(for:)"
                )
            }
        }
        let parts = zip(names, binding.declarations).map { name, declaration in
            "\(name): \(declaration.type)" + (declaration.range.map { " in \($0)" } ?? "")
                + (declaration.defaultValue.map { " = \($0)" } ?? "")
        }
        return (names, parts.joined(separator: ", "))
    }
}

/// Why a producer's parameters cannot be told.
struct ParametersUnknown: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
