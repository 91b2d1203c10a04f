import ForeignFunction
import ProducerInterface

/// The values of a request, in the order of a producer's signature.
struct PluginParameters: ResolvedParameters {
    let signature: Signature
    let values: [Value]

    /// `symbol=ABC&interval=1.0`, without absent ones; `%`, `&`, blanks and everything but printable ASCII are
    /// percent-encoded.
    var canonical: String {
        zip(signature.parameters, values)
            .compactMap { parameter, value in value.text.map { "\(parameter.name)=\(Self.encoded($0))" } }
            .joined(separator: "&")
    }

    /// The values as they would be written in a query, defaults included.
    var fields: [StreamRequest.Field] {
        zip(signature.parameters, values).compactMap { parameter, value in
            value.text.map { StreamRequest.Field(parameter.name, $0) }
        }
    }

    /// Looks each name up in the route's placeholders first, then in the query; the first of several values counts.
    init(
        of signature: Signature, path: [StreamRequest.Field], query: [StreamRequest.Field]
    ) throws(ParameterFault) {
        self.signature = signature
        var values: [Value] = []
        values.reserveCapacity(signature.parameters.count)
        for parameter in signature.parameters {
            let given =
                path.first { $0.name == parameter.name }?.value ?? query.first { $0.name == parameter.name }?.value
            values.append(try Self.value(of: parameter, given: given))
        }
        self.values = values
    }

    /// - Returns: the text of a parameter, defaults included; `nil` if it is absent, or there is none with that name.
    func text(of name: String) -> String? {
        signature.parameters.firstIndex { $0.name == name }.flatMap { values[$0].text }
    }

    private static func value(of parameter: Signature.Parameter, given: String?) throws(ParameterFault) -> Value {
        guard let given else {
            if let standIn = parameter.defaultValue { return standIn }
            if parameter.isOptional { return .str(nil) }
            throw ParameterFault(parameter: parameter.name, value: nil, expected: parameter.expectation)
        }
        guard let value = parameter.parse(given) else {
            throw ParameterFault(parameter: parameter.name, value: given, expected: parameter.expectation)
        }
        return value
    }

    private static func encoded(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            if byte > 0x20 && byte < 0x7f && byte != UInt8(ascii: "%") && byte != UInt8(ascii: "&") {
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                encoded += (byte < 16 ? "%0" : "%") + String(byte, radix: 16, uppercase: true)
            }
        }
        return encoded
    }
}
