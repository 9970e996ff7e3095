"""The five contracts of the policy-loan consortium, thin on `lending_domain`."""
