import ForeignFunction
import ProducerInterface

/// What a signature of `host->callback` says about its events.
struct EventSignature {
    /// An argument that becomes a member of the JSON object.
    struct Member {
        let index: Int
        let type: ValueType
        /// The text before the value: `{"op":` or `,"table":`.
        let prefix: String
    }

    let function: FunctionSignature
    let members: [Member]
    /// The arguments named `@type` and `@id`.
    let typeArgument: Int?
    let idArgument: Int?
    /// The type of all its events: the option `type`.
    let constantType: String?
    let policy: OverflowPolicy

    init(parsing text: String) throws(SignatureError) {
        let function = try FunctionSignature(parsingNamed: text)
        var members: [Member] = []
        var typeArgument: Int?
        var idArgument: Int?
        for (index, argument) in function.arguments.enumerated() {
            switch argument.name {
            case "_": break
            case "@type": typeArgument = index
            case "@id": idArgument = index
            case let name where name.hasPrefix("@"):
                throw SignatureError(
                    message: "there is no '\(name)'; an event has '@type' and '@id'", offset: argument.offset,
                    text: text)
            case let name:
                members.append(
                    Member(
                        index: index, type: argument.type, prefix: (members.isEmpty ? "{" : ",") + "\"\(name)\":"))
            }
        }
        var constantType: String?
        var policy = OverflowPolicy.dropNewest
        for option in function.options {
            switch option.name {
            case "full":
                guard let named = Self.policy(option.value) else {
                    throw SignatureError(
                        message: "there is no policy '\(option.value)'; full is drop-newest, drop-oldest or fail",
                        offset: option.valueOffset, text: text)
                }
                policy = named
            case "type":
                guard typeArgument == nil else {
                    throw SignatureError(
                        message: "the type is already given by the argument '@type'", offset: option.nameOffset,
                        text: text)
                }
                constantType = option.value
            default:
                throw SignatureError(
                    message: "there is no option '\(option.name)'; the options are full and type",
                    offset: option.nameOffset, text: text)
            }
        }
        self.function = function
        self.members = members
        self.typeArgument = typeArgument
        self.idArgument = idArgument
        self.constantType = constantType
        self.policy = policy
    }

    private static func policy(_ name: String) -> OverflowPolicy? {
        switch name {
        case "drop-newest": .dropNewest
        case "drop-oldest": .dropOldest
        case "fail":
            .fail(
                StreamFailure(
                    message: "events came faster than they could be sent",
                    log: "a callback found the stream's queue full, and its policy is full=fail"))
        default: nil
        }
    }
}
