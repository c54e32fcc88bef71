"""The contract as a document, held against the routes and against what the API answers."""



