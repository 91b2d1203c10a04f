/// What a claim must be for a request: one of some texts, in which parameters of the request can stand.
package struct ClaimRequirement: Sendable, Equatable {
    package enum Part: Sendable, Equatable {
        case text(String)
        /// The value of a parameter of the request.
        case parameter(String)
    }

    package let claim: String
    /// Each is the parts of one text.
    package private(set) var alternatives: [[Part]]

    package init(_ claim: String, _ parts: [Part]) {
        self.claim = claim
        alternatives = [parts]
    }

    /// Collects the texts of each claim: a claim must have one of its texts, and all claims must have theirs.
    package static func merged(_ requirements: [ClaimRequirement]) -> [ClaimRequirement] {
        var merged: [ClaimRequirement] = []
        for requirement in requirements {
            if let index = merged.firstIndex(where: { $0.claim == requirement.claim }) {
                merged[index].alternatives += requirement.alternatives
            } else {
                merged.append(requirement)
            }
        }
        return merged
    }

    /// The parameters that its texts need.
    package var parameters: [String] {
        alternatives.joined().compactMap { if case .parameter(let name) = $0 { name } else { nil } }
    }

    /// The texts for a request. One that needs a parameter that the request does not have is none; nor is one whose
    /// parameter has the text that ends it: "a/b" for {a} and "c" for {b} would be the same as "a" and "b/c".
    /// - Parameter value: the text of a parameter, defaults included.
    package func wanted(_ value: (String) -> String?) -> [String] {
        alternatives.compactMap { parts in
            var text = ""
            for (index, part) in parts.enumerated() {
                switch part {
                case .text(let literal): text += literal
                case .parameter(let name):
                    guard let value = value(name) else { return nil }
                    if index + 1 < parts.count, case .text(let end) = parts[index + 1], value.contains(end) {
                        return nil
                    }
                    text += value
                }
            }
            return text
        }
    }

    /// Whether the token of a request has the claim.
    /// - Parameter wanted: from `wanted`, for this request.
    package func isMet(by token: CheckedToken, _ wanted: [String]) -> Bool {
        let values = token.values(of: claim)
        // Byte by byte: texts that only look the same are equal as strings, but are different users.
        return wanted.contains { wanted in values.contains { $0.utf8.elementsEqual(wanted.utf8) } }
    }
}
